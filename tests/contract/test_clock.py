"""The contract of `ports.Clock`: those that processes have, and those that tests move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from karma_adapters.wiring.stores import utc_now
from karma_core import ports
from tests import workspace_fakes
from tests.memory_system import Clock

CLOCKS: dict[str, ports.Clock] = {
    "process": utc_now,
    "moved": Clock(),
    "standing": workspace_fakes.clock,
}


@pytest.mark.parametrize("name", CLOCKS)
def test_times_are_aware_in_utc_and_never_go_back(name: str) -> None:
    """So they can be compared, and their ISO texts sort as they do."""
    read = [CLOCKS[name]() for _ in range(100)]
    assert {time.utcoffset() for time in read} == {timedelta(0)}
    assert read == sorted(read)
    texts = [time.isoformat(timespec="microseconds") for time in read]
    assert texts == sorted(texts)
