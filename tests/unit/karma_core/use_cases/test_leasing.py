"""Leases that are held for a block."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from karma_core.errors import LeaseHeld, StaleLease
from karma_core.records import Lease
from karma_core.use_cases import leasing
from karma_core.workspace import Workspace
from tests.memory.state import MemoryState
from tests.memory_system import System


def test_a_lease_is_kept_for_as_long_as_the_block_takes() -> None:
    """A build or a decision may take longer than a lease: nobody else may come between."""
    state = MemoryState()
    made = System().workspace
    workspace = replace(made, state=state, environment=replace(made.environment, lease_seconds=1.5))
    with leasing.held(workspace, ["one"]):
        time.sleep(2.5)
        with pytest.raises(LeaseHeld):
            state.acquire(["one"], "another", 1)
    state.acquire(["one"], "another", 1)


# -- a clock that was ahead ---------------------------------------------------------------------------

DAYS_AHEAD = timedelta(days=400)
LENGTH = 1.5
"""Seconds of a lease: three renewals fit in it, as in Karma's own heartbeat."""


class Ahead:
    """Two machines over one store: ours, and one whose clock is ahead by DAYS_AHEAD while `ahead` says so."""

    def __init__(self) -> None:
        self.ahead = False
        self.state = MemoryState(clock=self._now)
        made = System().workspace
        settings = replace(made.environment, lease_seconds=LENGTH)
        self.said: list[str] = []
        self.workspace: Workspace = replace(
            made,
            state=self.state,
            environment=settings,
            clock=lambda: datetime.now(UTC),
            say=lambda event, _: self.said.append(event),
        )

    def _now(self) -> datetime:
        return datetime.now(UTC) + (DAYS_AHEAD if self.ahead else timedelta())

    def take(self) -> Lease:
        """The other machine takes the lease `one`."""
        self.ahead = True
        lease = self.state.acquire(["one"], "ahead/1", LENGTH)
        self.ahead = False
        return lease


@pytest.fixture
def machines() -> Ahead:
    """Both of them."""
    return Ahead()


def test_a_lease_from_a_clock_that_was_ahead_is_had_after_one_length(machines: Ahead) -> None:
    """Its expiry is 400 days away; it stands still, and is taken over. Its token is refused from then on."""
    dead = machines.take()
    began = time.monotonic()
    taken = leasing.wait_for(machines.workspace, ["one"], wait_seconds=0)
    assert LENGTH <= time.monotonic() - began < LENGTH + 2
    assert machines.said == ["waiting"]
    assert taken.token > dead.token
    with pytest.raises(StaleLease):
        machines.state.renew(dead, LENGTH)


def test_a_living_holder_whose_clock_is_ahead_keeps_its_lease(machines: Ahead) -> None:
    """It renews within its length: who waits is refused as soon as that is seen, and takes nothing."""
    lease = machines.take()
    done = Event()

    def renew() -> None:
        held = lease
        while not done.wait(LENGTH / 3):
            machines.ahead = True
            held = machines.state.renew(held, LENGTH)
            machines.ahead = False

    thread = Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(LeaseHeld):
            leasing.wait_for(machines.workspace, ["one"], wait_seconds=0)
        assert leasing.still_held(machines.workspace, ["one"])
    finally:
        done.set()
        thread.join()
    assert [held.token for held in machines.state.leases()] == [lease.token]


def test_an_ordinary_lease_is_refused_at_once(machines: Ahead) -> None:
    """Nothing is watched where the expiry is one that a clock like ours gives."""
    machines.state.acquire(["one"], "bob/1", LENGTH)
    began = time.monotonic()
    with pytest.raises(LeaseHeld):
        leasing.wait_for(machines.workspace, ["one"], wait_seconds=0)
    assert time.monotonic() - began < LENGTH
    assert machines.said == []
