"""Run the change flow on a temporary Prefect server; prints the result documents and the form.

Twice under one key, then again by the change's id, then for a component that is new and waits for an apply.
That one is rejected by the flow for it; then come the other flows that lead back to pages.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.server import temporary_server
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create


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
        sys.stdout.write(json.dumps({"links": _others(project, made["change_id"])}) + "\n")


def _others(project: str, change_id: str) -> dict[str, str]:
    """Reject a change, rebuild the graph and check for drift; flow → the link that its run left."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above
    from pydantic import SecretStr  # noqa: PLC0415

    from flows.approve_change import approve_change  # noqa: PLC0415
    from flows.drift import drift_check  # noqa: PLC0415
    from flows.graph_rebuild import graph_rebuild  # noqa: PLC0415

    workspace = open_workspace(read_settings(Path(project)), "dev")
    token = SecretStr(create(workspace, "ann", Role.APPROVER)[1])
    given = {"project": project, "environment": "dev"}
    approve_change(**given, change_id=change_id, token=token, decision="reject")
    _give_up(token.get_secret_value())
    graph_rebuild(**given)
    drift_check(**given)
    with get_client(sync_client=True) as client:
        runs = {run.id: client.read_flow(run.flow_id).name for run in client.read_flow_runs()}
        texts = [run.model_dump_json() for run in client.read_flow_runs()]
        assert len([text for text in texts if "(used)" in text]) == 3
        assert not [text for text in texts if token.get_secret_value() in text]
        left = [artifact for artifact in client.read_artifacts() if str(artifact.key).startswith("karma-")]
    return {runs[a.flow_run_id]: str(a.description) for a in left if a.flow_run_id in runs}


def _give_up(token: str) -> None:
    """Give a token to two runs that never begin: one is cancelled, one is late."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above
    from prefect.states import Cancelled, Scheduled  # noqa: PLC0415

    from flows.approve_change import approve_change  # noqa: PLC0415
    from flows.form_tokens import WAITS, forget_left  # noqa: PLC0415

    parameters = {"project": "/nowhere", "environment": "dev", "change_id": "none", "token": token}
    with get_client(sync_client=True) as client:
        cancelled = client.create_flow_run(approve_change, parameters=parameters, state=Scheduled())
        client.create_flow_run(approve_change, parameters=parameters, state=Scheduled())
        client.set_flow_run_state(cancelled.id, Cancelled(), force=True)
    assert forget_left() == 1
    assert forget_left(datetime.now(UTC) + WAITS + timedelta(seconds=1)) == 1
    assert forget_left() == 0


if __name__ == "__main__":
    main(sys.argv[1])
