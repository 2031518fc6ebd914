"""The drift check as one Prefect task: it is read-only, so it may be tried again."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from karma_core.use_cases.runs import drift
from karma_core.use_cases.runs.drift import DriftResult
from karma_core.use_cases.selection.record import Selection
from karma_core.workspace import Workspace


@task(
    name="check-drift", task_run_name="check-drift {environment}", retries=1, retry_delay_seconds=10,
    cache_policy=NO_CACHE, persist_result=False,
)  # fmt: skip
def check_drift(environment: str, workspace: Workspace, selection: Selection) -> DriftResult:
    """Check the selected components, or all that are deployed."""
    del environment  # it names the task run
    return drift.check_drift(workspace, selection)
