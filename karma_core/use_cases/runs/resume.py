"""Runs whose process died: found by their leases, then closed, resumed or abandoned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from karma_core.errors import LeaseHeld, NotFound, Refused
from karma_core.ids import shown
from karma_core.model import Record
from karma_core.needs import HasState, RecordsAndLog
from karma_core.outcomes import End, Phase, RunStatus
from karma_core.plan.steps import APPLY, RELOAD
from karma_core.records import JournalEntry, Lease, Run
from karma_core.use_cases import leasing
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.moving import MOVE
from karma_core.use_cases.runs.propagate_step import PUBLISH
from karma_core.use_cases.runs.records import FLOW_RUN, FORMER_FLOW_RUNS
from karma_core.use_cases.runs.recovery import RECOVER
from karma_core.use_cases.runs.step_context import Left
from karma_core.use_cases.runs.unlocking import UNLOCK

RESUMABLE: Final = frozenset(
    {RunStatus.RUNNING, RunStatus.FAILED, RunStatus.BLOCKED, RunStatus.INTERRUPTED, RunStatus.STOPPED}
)


class Progress(Record, frozen=True, kw_only=True):
    """The progress of a run.

    `done` maps components to how they ended, `unfinished` those that were begun to how they were left.
    """

    done: dict[str, End]
    unfinished: dict[str, Left]


def find_run(workspace: HasState, run_id: str) -> Run:
    """A run that can be resumed or abandoned; NotFound or Refused."""
    run = workspace.state.run(run_id)
    if run is None:
        raise NotFound(
            f"there is no run {shown(run_id)!r}", next_step="`karma log grep --action deploy` lists runs"
        )
    if run.status not in RESUMABLE or run.kind != "deploy":
        raise Refused(
            f"run {run_id} cannot be resumed",
            why=f"it is a {run.kind} and {run.status}",
            next_step="start a new one with `karma deploy`",
            code="not-resumable",
        )
    return run


def progress_of(entries: Sequence[JournalEntry]) -> Progress:
    """Return a run's progress from its journal: what is done, and the generation of what is not."""
    done: dict[str, End] = {}
    unfinished: dict[str, Left] = {}
    for entry in entries:
        if entry.step in {PUBLISH, RELOAD} and entry.status == Phase.SUCCEEDED:
            done[entry.address] = End.RELOADED if entry.step == RELOAD else End.APPLIED
            unfinished.pop(entry.address, None)
        elif entry.step in {APPLY, RELOAD} and entry.status in {Phase.STARTED, Phase.SUCCEEDED}:
            applied = entry.step == APPLY and entry.status == Phase.SUCCEEDED
            unfinished[entry.address] = Left(generation=entry.generation, applied=applied)
        elif entry.status in {Phase.FAILED, Phase.REFUSED} and entry.step not in {
            RECOVER,
            MOVE,
            UNLOCK,
        }:
            unfinished.pop(entry.address, None)
    return Progress(done=done, unfinished=unfinished)


def close_dead_runs(workspace: RecordsAndLog) -> list[Run]:
    """Mark runs as interrupted whose holder keeps no lease any more, and return them as they were."""
    # In this order: a run is kept once it has its lease, and its end before it gives that back. So one whose
    # lease is gone has died if it is still the same when it is read once more.
    seen = [run for run in workspace.state.runs() if run.status == RunStatus.RUNNING]
    alive = {lease.holder for lease in workspace.state.leases()}
    return [run for run in seen if run.holder not in alive and _close(workspace, run)]


def _close(workspace: RecordsAndLog, run: Run) -> bool:
    """Mark a dead run as interrupted, unless somebody has taken it up, given it up or ended it meanwhile."""
    try:
        with leasing.held(workspace, [leasing.run_lease(run.id)], wait_seconds=0):
            if workspace.state.run(run.id) != run:
                return False
            end_run(workspace, run, RunStatus.INTERRUPTED)
    except LeaseHeld:
        return False
    return True


def how_to_go_on(run: Run) -> str:
    """Return the warning that says what to do about a run whose process died."""
    next_step = (
        f"`karma deploy --resume {run.id}` takes it up" if run.kind == "deploy" else "start it once more"
    )
    return f"run {run.id} of {run.started_at} had ended without a word; {next_step}"


def end_run(workspace: RecordsAndLog, run: Run, status: str) -> None:
    """Close a run whose process is gone, in state and log."""
    recorder = Recorder(workspace, run, None)
    for address, left in sorted(progress_of(workspace.state.entries(run_id=run.id)).unfinished.items()):
        inputs = {"generation": left.generation, "applied": left.applied}
        recorder.log("terraform_apply", Phase.INTERRUPTED, address, inputs=inputs)
    recorder.log(run.kind, status)
    workspace.state.put_run(replace(run, status=status, finished_at=workspace.now()))


def abandon(workspace: RecordsAndLog, run_id: str) -> Run:
    """Close a run for good; what it left unfinished is found by the next deploy. LeaseHeld while it lives.

    A lease from a clock that was ahead is watched for its length first.
    """
    run = find_run(workspace, run_id)
    watch = leasing.Watch(workspace)
    while alive := [lease for lease in workspace.state.leases() if lease.holder == run.holder]:
        if not watch.look(alive):
            raise still_running(run, alive[0])
        time.sleep(leasing.POLL_SECONDS)
    with leasing.held(workspace, [leasing.run_lease(run_id)], wait_seconds=0):
        run = find_run(workspace, run_id)  # somebody may have taken it up just now
        end_run(workspace, run, RunStatus.ABANDONED)
    return replace(run, status=RunStatus.ABANDONED)


def take_over(workspace: HasState, run: Run, names: Sequence[str]) -> Lease:
    """The lease of a dead run's components, as soon as it has expired, or has stood still for its length.

    LeaseHeld if it is renewed meanwhile, because then the run lives, or if another run has it.
    """
    first: dict[str, float] = {}
    watch = leasing.Watch(workspace)
    while True:
        held = [lease for lease in workspace.state.leases() if set(lease.names) & set(names)]
        for lease in held:
            name = lease.names[0]
            if lease.holder != run.holder or lease.expires_at > first.setdefault(name, lease.expires_at):
                raise still_running(run, lease)
        if not held:
            return leasing.wait_for(workspace, names, wait_seconds=0)
        ahead = [lease for lease in held if watch.is_ahead(lease)]
        if ahead and watch.look(ahead):
            time.sleep(leasing.POLL_SECONDS)
            continue
        left = max(lease.expires_at for lease in held) - workspace.clock().timestamp()
        workspace.say("waiting", {"for": f"the lease of run {run.id}", "seconds": round(max(left, 0))})
        time.sleep(min(max(left, 0) + leasing.POLL_SECONDS, 1.0))


def still_running(run: Run, lease: Lease) -> LeaseHeld:
    """Return the error of a run whose components another run works on."""
    return LeaseHeld(
        f"run {run.id} cannot be taken over",
        why=f"{lease.holder} holds {lease.names[0]}",
        next_step="wait for that run, or stop it",
        names=list(lease.names),
        holder=lease.holder,
    )


def former_flow_runs(run: Run) -> list[str]:
    """The ids of the flow runs that carried a run out before it is resumed now, the newest last."""
    last = run.options.get(FLOW_RUN)
    return [*run.options.get(FORMER_FLOW_RUNS, []), *([last] if last else [])]
