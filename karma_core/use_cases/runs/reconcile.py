"""Reconcile runs whose process died: close them in journal, state and log, so that they can be resumed."""

from __future__ import annotations

from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.needs import HasState, RecordsAndLog
from karma_core.outcomes import RunStatus
from karma_core.records import Run
from karma_core.use_cases.runs.records import FLOW_RUN, FORMER_FLOW_RUNS
from karma_core.use_cases.runs.resume import close_dead_runs, end_run, how_to_go_on

ACTION = "flow_run"
"""The log's action for the end of a flow run that could not say it itself."""


NEWEST = 50
"""Runs that are looked at. Ours: more than are resumed between two looks, five minutes apart."""


class Interrupted(Record, frozen=True, kw_only=True):
    """A run that was closed. `flow_run` is empty where no flow run carried it out."""

    run_id: str
    kind: str
    started_at: str
    flow_run: str
    next_step: str

    def contract(self) -> JsonObject:
        """The run as one JSON object."""
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "started_at": self.started_at,
            "flow_run": self.flow_run or None,
            "next": self.next_step,
        }


def reconcile(workspace: RecordsAndLog) -> tuple[Interrupted, ...]:
    """Close every run whose holder keeps no lease any more."""
    return tuple(_interrupted(run) for run in close_dead_runs(workspace))


def resumed_without_them(workspace: HasState) -> tuple[str, ...]:
    """Ids of flow runs whose processes died, and whose work others took up; of the newest runs.

    Prefect takes them for alive, and they keep the places of runs that wait.
    """
    newest = sorted(workspace.state.runs(), key=lambda run: run.started_at)[-NEWEST:]
    return tuple(
        one
        for run in newest
        for one in run.options.get(FORMER_FLOW_RUNS, [])
        if one != run.options.get(FLOW_RUN)  # a retry of the same flow run lives
    )


def close_flow_run(
    workspace: RecordsAndLog, flow: str, flow_run: str, status: str
) -> tuple[Interrupted, ...]:
    """Close what a flow run left open whose process has ended, and log how it did (`cancelled`, `crashed`).

    Its leases are left to expire: a Terraform of it may still be saving its state.
    """
    left = [
        run
        for run in workspace.state.runs()
        if run.status == RunStatus.RUNNING and run.options.get(FLOW_RUN) == flow_run
    ]
    for run in left:
        end_run(workspace, run, RunStatus.INTERRUPTED)
    inputs = {"flow": flow, FLOW_RUN: flow_run, "runs": [run.id for run in left]}
    log_event(workspace, ACTION, status, inputs=inputs)
    return tuple(_interrupted(run) for run in left)


def _interrupted(run: Run) -> Interrupted:
    return Interrupted(
        run_id=run.id,
        kind=run.kind,
        started_at=run.started_at,
        flow_run=run.options.get(FLOW_RUN) or "",
        next_step=how_to_go_on(run),
    )
