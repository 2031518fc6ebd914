"""The states of a change, and the allowed transitions between them (docs/changes.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from karma_core.errors import Refused

KIND: Final = "change"
"""Kind of the documents that changes are kept as."""


class State(StrEnum):
    """The state of a change."""

    PROPOSED = "proposed"
    QUEUED = "queued"
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    STOPPED = "stopped"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ROLLED_BACK = "rolled_back"


IN_FLIGHT: Final = frozenset({State.PLANNING, State.AWAITING_APPROVAL, State.APPROVED, State.APPLYING})
"""States that hold their part of the graph against other changes."""
WAITING: Final = frozenset({State.PROPOSED, State.QUEUED})
OPEN: Final = IN_FLIGHT | WAITING
FINAL: Final = frozenset(State) - OPEN

_BEFORE_APPLYING = frozenset({State.REJECTED, State.CANCELLED, State.EXPIRED})
NEXT: Final[dict[State, frozenset[State]]] = {
    State.PROPOSED: _BEFORE_APPLYING | {State.QUEUED, State.PLANNING},
    State.QUEUED: _BEFORE_APPLYING | {State.QUEUED, State.PLANNING},
    # Back to the queue where whoever planned it has died.
    State.PLANNING: _BEFORE_APPLYING | {State.QUEUED, State.AWAITING_APPROVAL, State.APPROVED},
    State.AWAITING_APPROVAL: _BEFORE_APPLYING | {State.APPROVED},
    # Back to the approver where the plan has become another one, back to the queue where its part has.
    State.APPROVED: _BEFORE_APPLYING | {State.QUEUED, State.AWAITING_APPROVAL, State.APPLYING},
    State.APPLYING: frozenset({State.APPLIED, State.FAILED, State.STOPPED}),
    # A change that was not carried out whole may be tried again or taken back.
    State.FAILED: frozenset({State.QUEUED, State.ROLLED_BACK}),
    State.STOPPED: frozenset({State.QUEUED, State.ROLLED_BACK}),
    State.APPLIED: frozenset({State.ROLLED_BACK}),
    State.REJECTED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
    State.ROLLED_BACK: frozenset(),
}


def may_be_taken_back(now: State, *, written: bool) -> bool:
    """Whether a rollback may end the change: its configs are written, and nothing more happens to it.

    One that was tried again and then rejected, cancelled or let expire has written them the first time.
    """
    return written and now in FINAL and now is not State.ROLLED_BACK


def check_transition(change_id: str, now: State, then: State, *, written: bool = False) -> None:
    """Refused `change-state` unless `then` may follow `now`."""
    if then in NEXT[now] or (then is State.ROLLED_BACK and may_be_taken_back(now, written=written)):
        return
    allowed = ", ".join(sorted(NEXT[now])) or "nothing more"
    raise Refused(
        f"change {change_id} cannot become {then}",
        why=f"it is {now}; what may follow is: {allowed}",
        next_step=f"`karma change show {change_id}` says how it came to this",
        code="change-state",
        change_id=change_id,
        status=str(now),
    )
