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
    """Acquire the names, trying again while they are held, until wait_seconds have passed."""
    deadline = time.monotonic() + wait_seconds
    holder = f"{workspace.actor.user}/{workspace.new_id()}"
    while True:
        try:
            return workspace.state.acquire(names, holder, workspace.environment.lease_seconds)
        except LeaseHeld:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
