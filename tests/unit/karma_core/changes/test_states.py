"""The life of a change: every state is reachable, and every way ends."""

from __future__ import annotations

import pytest

from karma_core.changes.states import FINAL, NEXT, OPEN, State, check_transition
from karma_core.errors import Refused


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    """No state is dead, and none is a trap."""
    reached = {State.PROPOSED}
    while more := {then for now in reached for then in NEXT[now]} - reached:
        reached |= more
    assert reached == set(State) == set(NEXT)
    for state in OPEN:
        assert NEXT[state] & FINAL


def test_what_ended_for_good_stays_so() -> None:
    """Only what was written can be tried again or taken back."""
    for state in (State.REJECTED, State.CANCELLED, State.EXPIRED, State.ROLLED_BACK):
        assert not NEXT[state]
    with pytest.raises(Refused, match="rejected"):
        check_transition("x", State.REJECTED, State.APPROVED)


def test_nothing_is_applied_without_an_approval() -> None:
    """Applying follows only on approved, and is not cancelled half-way."""
    assert [s for s in State if State.APPLYING in NEXT[s]] == [State.APPROVED]
    assert State.CANCELLED not in NEXT[State.APPLYING]
