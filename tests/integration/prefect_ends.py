"""Run on a temporary Prefect server what ends badly, and say what Prefect, log and forms have of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.server import temporary_server
from karma_core.errors import UsageError

POOL_TYPES = ("ecs", "kubernetes", "docker")


def main(root: str) -> None:
    """Print one JSON document."""
    with temporary_server(Path(root) / ".karma" / "prefect"):
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - after its settings are made

        from flows import automations, registration  # noqa: PLC0415

        registration.main(root)
        registration.main(root)
        with get_client(sync_client=True) as client:
            deployments = {d.name: _deployment(d) for d in client.read_deployments()}
            limits = {
                limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=50, offset=0)
            }
            kept = client.read_automations_by_name(automations.SILENT)
            told = client.read_automations_by_name(automations.FAILURES)
            pools = {kind: _pool(client, registration.main, root, kind) for kind in POOL_TYPES}
            container = _in_a_container(client)
        ends = _crash(root)
    described = {
        "deployments": deployments,
        "limits": limits,
        "automations": [len(kept), len(told)],
        "ends": ends,
        "pools": pools,
        "container": container,
    }
    sys.stdout.write(json.dumps(described) + "\n")


def _deployment(deployment: Any) -> dict[str, Any]:
    return {
        "form": deployment.parameter_openapi_schema,
        "parameters": deployment.parameters,
        "tags": deployment.tags,
        "pool": deployment.work_pool_name,
        "entrypoint": deployment.entrypoint,
        "schedules": sorted((s.parameters["environment"], s.active) for s in deployment.schedules),
    }


def _pool(client: Any, register: Callable[[str, str], None], root: str, kind: str) -> dict[str, Any]:
    """What a registration with a pool of another type, and a second one, leave; and one of another type."""
    client.delete_work_pool("karma")
    register(root, kind)
    made = client.read_work_pool("karma")
    if kind == POOL_TYPES[-1]:  # one shows it
        register(root, "")
    again = client.read_work_pool("karma")
    try:
        register(root, "process")
    except UsageError as error:
        refused = error.what
    return {
        "type": made.type,
        "offers": sorted(made.base_job_template["variables"]["properties"]),
        "kept": made.base_job_template == again.base_job_template,
        "refused": refused,
        "deployments": {d.name: [d.work_pool_name, d.path, d.pull_steps] for d in client.read_deployments()},
    }


def _in_a_container(client: Any) -> str:
    """The state of a rebuild that was run as a container of a docker pool runs it: by Prefect's own command.

    Its working directory is `/`, and it knows neither Karma's worker nor the project's folder.
    """
    deployment = client.read_deployment_by_name("graph-rebuild/graph-rebuild")
    run = client.create_flow_run_from_deployment(deployment.id)
    command = [sys.executable, "-m", "prefect", "flow-run", "execute"]
    own = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
    ended = subprocess.run(
        command, cwd="/", env=own, capture_output=True, text=True, check=False, timeout=100
    )
    state = client.read_flow_run(run.id).state
    return str(state.type.value) if ended.returncode == 0 else ended.stdout[-1000:] + ended.stderr[-1000:]


def _crash(root: str) -> str:
    """A deploy that gets what Prefect raises where its process is told to end; its state."""
    from flows import deploy as deploying  # noqa: PLC0415

    def stop(event: str, _facts: dict[str, Any]) -> None:
        if event == "run":
            raise KeyboardInterrupt

    deploying.LISTENER.set(stop)
    try:
        deploying.deploy(project=root, environment="dev", everything=True)
    except KeyboardInterrupt:
        return "interrupted"
    return "went on"


if __name__ == "__main__":
    main(sys.argv[1])
