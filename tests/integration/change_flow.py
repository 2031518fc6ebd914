"""Run the change flow on a temporary Prefect server; prints the result documents and the form.

Twice under one key, then again by the change's id, then for a component that is new and waits for an apply.
Then come the other flows that lead back to pages.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flows.server import temporary_server


def main(project: str) -> None:
    """Request and apply a change of the component that `karma init` makes."""
    with temporary_server(Path(project) / ".karma" / "prefect"):
        from flows.change_run import change_run  # noqa: PLC0415 - imports Prefect, after its settings are made

        outcome: dict[str, Any] = {}
        for _ in range(2):
            outcome = change_run(
                project=project,
                environment="dev",
                component="hello/world",
                proposed_change={"greeting": "flow"},
                apply_when_approved=True,
                idempotency_key="delivery-1",
            )
            sys.stdout.write(json.dumps(outcome) + "\n")
        again = change_run(project=project, environment="dev", change_id=outcome["change_id"])
        sys.stdout.write(json.dumps(again) + "\n")
        made = change_run(
            project=project,
            environment="dev",
            component="hello/new",
            create={"greeting": "made"},
            reason="a form",
        )
        sys.stdout.write(json.dumps(made) + "\n")
        sys.stdout.write(json.dumps(change_run.parameters.model_dump()["properties"]) + "\n")
        sys.stdout.write(json.dumps({"links": _others(project)}) + "\n")


def _others(project: str) -> dict[str, str]:
    """Rebuild the graph and check for drift; flow → the link that its run left."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above

    from flows.drift import drift_check  # noqa: PLC0415
    from flows.graph_rebuild import graph_rebuild  # noqa: PLC0415

    given = {"project": project, "environment": "dev"}
    graph_rebuild(**given)
    drift_check(**given)
    with get_client(sync_client=True) as client:
        runs = {run.id: client.read_flow(run.flow_id).name for run in client.read_flow_runs()}
        left = [artifact for artifact in client.read_artifacts() if str(artifact.key).startswith("karma-")]
    return {runs[a.flow_run_id]: str(a.description) for a in left if a.flow_run_id in runs}


if __name__ == "__main__":
    main(sys.argv[1])
