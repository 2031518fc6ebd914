"""Leases: waited for where another holder will give them back soon, and kept alive while work goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import Final

from karma_core.errors import Conflict, LeaseHeld, StaleLease, StoreError
from karma_core.needs import HasState
from karma_core.records import Lease

GRAPH: Final = "graph"
"""Held while a build is read, made and published."""
PARAMETERS: Final = "parameters"
"""Held by every writer of configs, because Parameter Store has no conditional write."""
POLL_SECONDS: Final = 0.05
"""Ours: short against a build, long against a lease request."""


LONGEST_SECONDS: Final = 3600.0
"""Of a lease that does not say its length: the longest that the settings allow."""

NEAR_SECONDS: Final = 1.0
"""Clocks that are kept by NTP differ by less (ours); so do two readings of one by rounding."""


def component_lease(address: str) -> str:
    """Name of the lease under which a component is applied or destroyed."""
    return f"component:{address}"


def destroy_lease(address: str) -> str:
    """Name that a destroy holds beside the component's, so that who reads the component can tell."""
    return f"destroys:{address}"


def reading_lease(address: str, reader: str) -> str:
    """Name that a run holds for a producer that is not part of it; any number of runs may read one."""
    return f"reads:{address}#{reader}"


def run_lease(run_id: str) -> str:
    """Name of the lease under which a run is resumed, given up or closed."""
    return f"run:{run_id}"


def refuse_if_destroyed(workspace: HasState, addresses: Collection[str]) -> None:
    """LeaseHeld where somebody is destroying one of the addresses.

    Asked after one's own leases are held, as `refuse_if_read` is by a destroy: of two at once one sees the
    other.
    """
    wanted = {destroy_lease(address): address for address in addresses}
    for lease in workspace.state.leases() if wanted else ():
        if lease.names[0] in wanted:
            raise _in_use(wanted[lease.names[0]], lease, "is being destroyed")


def refuse_if_read(workspace: HasState, addresses: Collection[str]) -> None:
    """LeaseHeld where a run is under way that deploys a consumer of one of the addresses."""
    for lease in workspace.state.leases():
        kind, _, rest = lease.names[0].partition(":")
        address = rest.partition("#")[0]
        if kind == "reads" and address in addresses:
            raise _in_use(address, lease, "is read by a run that deploys a consumer of it")


def _in_use(address: str, lease: Lease, why: str) -> LeaseHeld:
    return LeaseHeld(
        f"{address} is in use",
        why=f"it {why} ({lease.holder})",
        next_step="wait for that run, or stop it",
        names=list(lease.names),
        holder=lease.holder,
    )


class Heartbeat:
    """Keeps a lease alive while a run works; `check` refuses to go on once it is lost."""

    def __init__(self, workspace: HasState, lease: Lease) -> None:
        self._workspace = workspace
        self._lease = lease
        self._lost: Conflict | None = None
        self._stop = Flag()
        self._thread = Thread(target=self._beat, name="karma-lease", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._workspace.state.release(self._lease)

    @property
    def lease(self) -> Lease:
        """The lease as last renewed."""
        return self._lease

    def check(self) -> None:
        """StaleLease if somebody else has taken over: nothing may be started any more."""
        expired = self._workspace.clock().timestamp() > self._lease.expires_at
        if self._lost is not None or expired:
            raise StaleLease(
                "the run has lost its lease",
                why=self._lost.what if self._lost else "it was not renewed in time",
                next_step="see `karma log list` for who works on these components now",
            ) from self._lost

    def _beat(self) -> None:
        """Renew three times per lifetime, so that two missed beats do not lose the lease."""
        seconds = self._workspace.environment.lease_seconds
        while not self._stop.wait(seconds / 3):
            try:
                self._lease = self._workspace.state.renew(self._lease, seconds)
            except Conflict as lost:
                self._lost = lost
                return
            except StoreError:
                continue  # the next beat tries again; `check` refuses once the lease has expired


@contextmanager
def held(workspace: HasState, names: Sequence[str], *, wait_seconds: float = 30.0) -> Iterator[Heartbeat]:
    """Hold the names for the block, however long it takes: the lease is kept alive.

    LeaseHeld if another holder keeps one for longer than wait_seconds.
    """
    with Heartbeat(workspace, wait_for(workspace, names, wait_seconds=wait_seconds)) as heartbeat:
        yield heartbeat


def wait_for(workspace: HasState, names: Sequence[str], *, wait_seconds: float) -> Lease:
    """Acquire the names, trying again while they are held, until wait_seconds have passed.

    A lease from a clock that was ahead is watched for one lease length more, and taken if it stood still.
    """
    deadline = time.monotonic() + wait_seconds
    holder = f"{workspace.actor.user}/{workspace.new_id()}"
    watch = Watch(workspace)
    while True:
        try:
            return workspace.state.acquire(names, holder, workspace.environment.lease_seconds)
        except LeaseHeld:
            may_be_dead = watch.look(_holding(workspace, names))
            if time.monotonic() >= deadline and not may_be_dead:
                raise
            time.sleep(POLL_SECONDS)


def still_held(workspace: HasState, names: Sequence[str]) -> bool:
    """Whether a living holder has one of the names; one from a clock that was ahead is watched first."""
    watch = Watch(workspace)
    while held := _holding(workspace, names):
        if not watch.look(held):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _holding(workspace: HasState, names: Sequence[str]) -> list[Lease]:
    wanted = set(names)
    return [lease for lease in workspace.state.leases() if wanted & set(lease.names)]


class Watch:
    """Tells leases that a clock ahead of ours left from those of the living.

    An expiry farther away than the lease is long comes from such a clock, and says nothing of its holder.
    Who lives renews three times in that length: a lease that stands still for all of it is dead, and is
    given back. If it was only slow, its fencing token is no longer the highest, and it may not write.
    """

    def __init__(self, workspace: HasState) -> None:
        self._workspace = workspace
        self._first: dict[tuple[int, tuple[str, ...]], tuple[float, float]] = {}

    def look(self, held: Sequence[Lease]) -> bool:
        """Whether all of them may be dead; those that stood still for long enough are given back.

        False as soon as one is renewed, or where one has an expiry that a clock like ours gives.
        """
        verdicts = [self._may_be_dead(lease) for lease in held]
        return all(verdicts)

    def seconds_left(self, lease: Lease) -> float:
        """How long it is still to be watched, if it does not move."""
        _, since = self._first.get(_key(lease), (0.0, time.monotonic()))
        return length_of(lease) - (time.monotonic() - since)

    def is_ahead(self, lease: Lease) -> bool:
        """Whether its expiry is farther away than a lease of its length can be."""
        away = lease.expires_at - self._workspace.clock().timestamp()
        return away > length_of(lease) + NEAR_SECONDS

    def _may_be_dead(self, lease: Lease) -> bool:
        seen_before = self._first.get(_key(lease))
        if not self.is_ahead(lease) or (seen_before and seen_before[0] != lease.expires_at):
            return False
        if seen_before is None:
            self._first[_key(lease)] = (lease.expires_at, time.monotonic())
            facts = {"for": f"the lease of {lease.holder}, whose clock was ahead"}
            self._workspace.say("waiting", {**facts, "seconds": round(length_of(lease))})
        elif self.seconds_left(lease) <= 0:
            self._workspace.state.release(lease)
        return True


def length_of(lease: Lease) -> float:
    """For how many seconds the lease was granted."""
    return lease.seconds or LONGEST_SECONDS


def _key(lease: Lease) -> tuple[int, tuple[str, ...]]:
    return lease.token, lease.names
