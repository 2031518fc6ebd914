"""The drift check as a Prefect flow, for schedules."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.artifacts import show_drift
from flows.deploy import open_for_flow
from tasks.drift import check_drift


@flow(name="drift-check", flow_run_name="drift-check {environment}", persist_result=False)
def drift_check(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    requested_by: str | None = None,
    source: str = "schedule",
) -> dict[str, Any]:
    """Compare what was applied with the cloud and mark what has drifted; changes nothing else.

    `targets` are addresses (`vpc/core`); without them everything that is deployed is checked. Returns the
    contract's drift document.
    """
    workspace = open_for_flow(project, environment, requested_by, source)
    result = check_drift(environment, workspace, list(targets or ()))
    show_drift(workspace, result)
    return result.contract()
