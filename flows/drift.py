"""The drift check as a Prefect flow, for schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.artifacts import show_drift
from karma_adapters.bootstrap import open_workspace
from karma_adapters.settings import read_settings
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
    workspace = open_workspace(read_settings(Path(project)), environment, source=source, user=requested_by)
    result = check_drift(environment, workspace, list(targets or ()))
    show_drift(workspace, result)
    return result.contract()
