"""The queue of changes: a change waits, in order of acceptance, while another one overlaps it.

A change waits for every one in flight that it overlaps, and for every earlier one that waits itself. So the
order among overlapping changes is that of their acceptance, disjoint ones run side by side, and none waits
for a later one that is not already in flight: the queue always moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from karma_core.changes.record import Change, overlap
from karma_core.changes.states import WAITING, State
from karma_core.errors import Conflict
from karma_core.needs import ChangeIntake, ConfigStore, Context, RecordsAndLog
from karma_core.use_cases.access.policy_in_force import rules_in_force, rules_on_policies
from karma_core.use_cases.changes.judged import Judged
from karma_core.use_cases.changes.planning import conclude, judged_fields, plan_change
from karma_core.use_cases.changes.register import (
    Kept,
    Register,
    acting_for,
    admission,
    refuse_if_worked_on,
    worked_on,
    working,
)
from karma_core.use_cases.changes.simulation import judge_change
from karma_core.use_cases.leasing import Heartbeat


def holders(change: Change, others: Sequence[Change]) -> tuple[str, ...]:
    """Ids of the changes that this one has to wait for, in the order of acceptance."""
    return tuple(
        other.id
        for other in others
        if other.id not in {change.id, change.rollback_of}
        and (other.holds or (other.status in WAITING and other.number < change.number))
        and overlap(change, other)
    )


def position(change: Change, others: Sequence[Change]) -> int:
    """Return the change's place in the queue, from 1; 0 if it does not wait."""
    return 1 + len(holders(change, others)) if change.status is State.QUEUED else 0


def admit(workspace: ChangeIntake, change_id: str, *, new: Change | None = None) -> Kept:
    """Judge a waiting change and, if nothing holds its part of the graph, plan it.

    A `new` one is accepted in the same step as it is judged first, so that none that comes later can pass
    it; where it has a number already, that is its place. Where nothing can be planned it stays queued,
    for a process that can. LeaseHeld where another process works on the change.
    """
    with working(workspace, change_id):
        with admission(workspace) as right:
            if new is not None:
                _accept(Register(workspace), new)
            kept, judged = _judge_next(workspace, change_id, right)
        planner = acting_for(workspace, kept.change).with_terraform()
        if kept.change.status is not State.PLANNING or judged is None or planner is None:
            return kept
        decision = plan_change(planner, kept.change, judged)
        return conclude(Register(workspace), kept, judged, decision)


def _accept(register: Register, new: Change) -> None:
    """Add a new change, unless the same request, made twice at once, has come in already."""
    if register.find(new.id) is None:
        register.add(replace(new, number=new.number or register.next_number()))


def _judge_next(workspace: ChangeIntake, change_id: str, right: Heartbeat) -> tuple[Kept, Judged | None]:
    """Evaluate a waiting change: reject it, leave it waiting, or start planning it."""
    register = Register(workspace)
    kept = register.get(change_id)
    if kept.change.status not in WAITING:
        return kept, None
    known = holders(kept.change, register.open())
    if kept.change.status is State.QUEUED and known:
        return kept, None  # nothing has changed for it
    judged = judge_change(workspace, kept.change)
    right.check()
    verdict = judged_fields(judged)
    if judged.errors:
        return register.move(kept, State.REJECTED, judged.why, waits_for=(), **verdict), None
    seen = replace(kept.change, cone=judged.cone, reads=judged.reads)
    waits_for = holders(seen, register.open())
    if waits_for:
        why = f"it overlaps {', '.join(waits_for)}"
        return register.move(kept, State.QUEUED, why, waits_for=waits_for, **verdict), None
    if workspace.with_terraform() is None:
        why = judged.left_open or "nothing holds its cone; it waits for a run that plans it"
        return register.move(kept, State.QUEUED, why, waits_for=(), **verdict), None
    return register.move(kept, State.PLANNING, "nothing holds its cone", waits_for=(), **verdict), judged


def requeue_if_dead(workspace: RecordsAndLog, change_id: str) -> Kept:
    """Put a change whose planner died back in the queue; LeaseHeld while the planner lives."""
    register = Register(workspace)
    refuse_if_worked_on(workspace, change_id)
    kept = register.get(change_id)
    if kept.change.status is not State.PLANNING:
        return kept
    return register.move(kept, State.QUEUED, "the process that planned it has died; it is re-planned")


def expire(workspace: ConfigStore, *, for_policy: bool = False) -> list[Change]:
    """End the changes that have waited too long for an approval, or approved for their apply.

    BadInput `policy-unreadable`, except `for_policy`: on the way to another published policy.
    """
    register = Register(workspace)
    hours = (rules_on_policies if for_policy else rules_in_force)(workspace).approval_hours
    expired = []
    for change in register.open():
        if not _is_overdue(workspace, change, hours) or worked_on(workspace, change.id):
            continue
        kept = register.get(change.id)
        if not _is_overdue(workspace, kept.change, hours):
            continue  # somebody decided on it since the list was read
        what = "it was not applied" if kept.change.status is State.APPROVED else "it was not approved"
        with suppress(Conflict):  # somebody decided on it just now
            why = f"{what} within {hours:g} hours"
            expired.append(register.move(kept, State.EXPIRED, why).change)
    return expired


def _is_overdue(workspace: Context, change: Change, hours: float) -> bool:
    """Whether the change has waited longer than the hours for an approval, or approved for its apply."""
    if change.status not in {State.AWAITING_APPROVAL, State.APPROVED}:
        return False
    return datetime.fromisoformat(change.updated_at) + timedelta(hours=hours) <= workspace.clock()
