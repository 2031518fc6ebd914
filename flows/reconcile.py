"""The reconciler as a Prefect flow: on a schedule, and started by hand after an accident."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.change_run import run_order
from flows.deploy import RUNNER, open_for_flow
from flows.hooks import ON_END
from karma_adapters.prefect.discovery import find_api
from karma_adapters.wiring.bootstrap import open_runs
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject
from karma_core.use_cases.changes.drain import drain
from karma_core.use_cases.runs import reconcile as reconciling


@flow(
    name="reconcile",
    flow_run_name="reconcile {environment}",
    persist_result=False,
    task_runner=RUNNER,
    **ON_END,
)
def reconcile(
    project: str,
    environment: str,
    requested_by: str | None = None,
    source: str = "schedule",
    order: str | None = None,
) -> JsonObject:
    """Close runs whose worker died, offer them for resume, and let waiting changes go on.

    A change that a dead worker was applying is finished. Returns the closed runs and the changes that moved.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    closed = reconciling.reconcile(workspace)
    settings = read_settings(Path(project))
    if find_api(settings) is not None:
        for run in closed:
            if run.flow_run:
                open_runs(settings).crash(run.flow_run, f"its process has ended; {run.next_step}")
        for flow_run in reconciling.resumed_without_them(workspace):
            with suppress(NotFound):  # of a server whose database was lost
                open_runs(settings).crash(flow_run, "its process has ended, and another one took its work up")
    moved = drain(workspace, run_order)
    if closed:
        create_table_artifact(
            [run.contract() for run in closed],
            key=f"interrupted-{environment}",
            description=f"Runs of {environment} that ended without a word",
        )
    return {
        "environment": environment,
        "interrupted": [run.contract() for run in closed],
        "changes": [{"change_id": change.id, "status": str(change.status)} for change in moved],
    }
