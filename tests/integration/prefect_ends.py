"""Run on a temporary Prefect server what ends badly, and say what Prefect, log and forms have of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flows.server import temporary_server


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
        ends = _crash(root)
    described = {
        "deployments": deployments,
        "limits": limits,
        "automations": [len(kept), len(told)],
        "ends": ends,
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
