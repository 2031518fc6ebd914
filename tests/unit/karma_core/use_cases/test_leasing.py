"""Leases that are held for a block."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from karma_core.errors import LeaseHeld
from karma_core.use_cases import leasing
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
