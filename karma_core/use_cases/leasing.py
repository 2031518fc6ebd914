"""Waiting for a lease that another holder will give back soon."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from karma_core.errors import LeaseHeld
from karma_core.records import Lease
from karma_core.use_cases.journalling import Heartbeat
from karma_core.workspace import Workspace

GRAPH: Final = "graph"
"""Held while a build is read, made and published."""
PARAMETERS: Final = "parameters"
"""Held by every writer of configs, because Parameter Store has no conditional write."""
POLL_SECONDS: Final = 0.05
"""Ours: short against a build, long against a lease request."""


def component_lease(address: str) -> str:
    """Name of the lease under which a component is applied."""
    return f"component:{address}"


@contextmanager
def held(workspace: Workspace, names: Sequence[str], *, wait_seconds: float = 30.0) -> Iterator[Heartbeat]:
    """Hold the names for the block, however long it takes: the lease is kept alive.

    LeaseHeld if another holder keeps one for longer than wait_seconds.
    """
    with Heartbeat(workspace, wait_for(workspace, names, wait_seconds=wait_seconds)) as heartbeat:
        yield heartbeat


def wait_for(workspace: Workspace, names: Sequence[str], *, wait_seconds: float) -> Lease:
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
