"""Hooks that Prefect calls when a flow run is cancelled or crashes: they close its journal and log.

It may be called by the worker, after the run's process was killed, or in that process itself. Then the run
has mostly closed everything already, and only the end of the flow run is logged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from flows.notices import tell_failure
from flows.own_project import require_own_project
from flows.stamped_log import stamped
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import Refused
from karma_core.json_types import JsonMapping
from karma_core.use_cases.access.vouching import ordered_by
from karma_core.use_cases.runs.reconcile import close_flow_run
from karma_core.workspace import Workspace


def close_run(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Mark the Karma runs of a flow run as interrupted, say how they go on, and log its end."""
    given = {**flow_run.parameters}
    project, environment = str(given["project"]), str(given["environment"])
    require_own_project(project, environment)
    opened = open_workspace(
        read_settings(Path(project)), environment, source="flow", flow_run=str(flow_run.id)
    )
    workspace = stamped(_acting(opened, flow.name, given, str(flow_run.id)), str(flow_run.id))
    status = "crashed" if state.is_crashed() else "cancelled"  # the worker still calls it cancelling
    closed = close_flow_run(workspace, flow.name, str(flow_run.id), status)
    for run in closed:
        flow_run_logger(flow_run, flow).warning(run.next_step)


def _acting(workspace: Workspace, flow: str, given: JsonMapping, flow_run: str) -> Workspace:
    """The workspace of whose order the run was; the worker's own where no order is behind it."""
    try:
        order = str(given.get("order") or "")
        return workspace.acting_as(ordered_by(workspace, order, flow, given, flow_run))
    except Refused:  # as the run was, which is in the log
        return workspace


ON_END: Final[dict[str, Any]] = {
    "on_cancellation": [close_run],
    "on_crashed": [close_run],
    "on_failure": [tell_failure],
}
"""For every flow that works on an environment."""
