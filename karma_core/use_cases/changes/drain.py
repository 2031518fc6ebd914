"""Advance the queue of open changes, and recover changes whose process died."""

from __future__ import annotations

import time

from karma_core.changes.record import Change
from karma_core.changes.request import ChangeRequest
from karma_core.changes.states import WAITING, State
from karma_core.errors import BadInput, Conflict, LeaseHeld, Refused
from karma_core.needs import CarryingOut, ChangeIntake, ConfigStore, RecordsAndLog
from karma_core.use_cases.access.policy_evaluation import frozen
from karma_core.use_cases.changes import applying
from karma_core.use_cases.changes.applying import RunOrder
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.changes.queue import admit, expire, requeue_if_dead
from karma_core.use_cases.changes.register import Register, change_lease
from karma_core.use_cases.changes.rollback import take_back_failed
from karma_core.use_cases.leasing import POLL_SECONDS, still_held


def drain(workspace: CarryingOut, run: RunOrder | None = None, *, approved: bool = False) -> list[Change]:
    """Advance all open changes, in the order of acceptance, until none moves; those that moved.

    Without `run` nothing is applied. With it, what was approved is applied where its requester wants that
    (`approved`: in any case), and what a dead process left half applied is finished.
    """
    moved: dict[str, Change] = {change.id: change for change in expire(workspace)}
    register = Register(workspace)
    progress = True
    while progress:
        progress = False
        for change in register.open():
            after = _advance(workspace, change, run, approved=approved)
            if after is not None and after.last_event != change.last_event:
                moved[after.id] = after
                progress = True
    return [moved[change_id] for change_id in sorted(moved)]


def left_approved(workspace: ConfigStore) -> dict[str, str]:
    """Return the changes that a drain left approved → why: a freeze, or other work on their components."""
    reason = frozen(workspace) or "another process works on it, or on a component that it deploys"
    return dict.fromkeys(approved_changes(workspace), reason)


def approved_changes(workspace: RecordsAndLog) -> list[str]:
    """Ids of the changes that may be applied, in the order of acceptance."""
    return [c.id for c in Register(workspace).open() if c.status is State.APPROVED]


def carry_on(workspace: CarryingOut, change_id: str, run: RunOrder) -> Change:
    """Carry on one change in a run started for it: plan it if it waits, apply it if it may be applied.

    One that was planned here is applied only where its requester wants that, one that is applied already
    not again. Then the queue moves. Where another process works on the change, which may have taken it up
    since this run was ordered, its end is waited for.
    """
    while True:
        try:
            return _carry_on(workspace, change_id, run)
        except LeaseHeld as error:
            if change_lease(change_id) not in error.facts.get("names", ()):
                raise
        while still_held(workspace, [change_lease(change_id)]):
            time.sleep(POLL_SECONDS)


def _carry_on(workspace: CarryingOut, change_id: str, run: RunOrder) -> Change:
    change = Register(workspace).get(change_id).change
    if change.status is State.APPLIED:
        return change
    if change.status in WAITING:
        change = admit(workspace, change_id).change
        if change.status is not State.APPROVED or not change.proceed:
            return change
    return apply_and_drain(workspace, change_id, run)


def request_and_apply(workspace: CarryingOut, read: ChangeRequest, run: RunOrder, *, wanted: bool) -> Change:
    """Request a change and, where that is `wanted` and no rule asks for an approval, apply it at once.

    Errors are those of a request and of an apply; a change that is rejected or that waits is none.
    """
    change = request(workspace, read, proceed=wanted)
    if not wanted or not change.id or change.status is not State.APPROVED:
        return change
    return apply_and_drain(workspace, change.id, run)


def _advance(
    workspace: CarryingOut, change: Change, run: RunOrder | None, *, approved: bool
) -> Change | None:
    """Advance a change by one step and return it; None if it can take no step now."""
    try:
        if change.take_back:
            return _take_back(workspace, change)
        if change.status is State.PLANNING:
            return requeue_if_dead(workspace, change.id).change
        if change.status in WAITING:
            return admit(workspace, change.id).change
        wanted = change.status is State.APPLYING or (
            change.status is State.APPROVED and (change.proceed or approved)
        )
        return applying.apply(workspace, change.id, run) if run is not None and wanted else None
    except (Refused, Conflict):
        return None  # another process has it, or the policy says not now


def _take_back(workspace: ChangeIntake, change: Change) -> Change:
    """Request the rollback that the policy wants, and note its outcome on the failed change."""
    register = Register(workspace)
    kept = register.get(change.id)
    if not kept.change.take_back:
        return kept.change  # another process was faster
    try:
        rollback = take_back_failed(workspace, kept.change)
        said = f"change {rollback.id} is {rollback.status}"
        if rollback.status is State.REJECTED:
            said = f"{said} ({rollback.why}), and they are kept"
    except (BadInput, Refused) as error:
        said = f"{error.what} ({error.why}), and they are kept"
    return register.keep(kept, take_back=False, why=f"{kept.change.why}: {said}").change


def apply_and_drain(workspace: CarryingOut, change_id: str, run: RunOrder, *, override: str = "") -> Change:
    """Apply one change, advance all others, and return the change (the policy may have rolled it back).

    `override` is for that one alone.
    """
    applying.apply(workspace, change_id, run, override=override)
    drain(workspace, run)
    return Register(workspace).get(change_id).change
