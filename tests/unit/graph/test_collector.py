"""The pause of the garbage collector ends as it began."""

from __future__ import annotations

import gc

import pytest

from karma_core.graph.collector import collector_paused


@collector_paused()
def fail() -> None:
    """Fails inside two pauses, having left the inner one."""
    with collector_paused():
        assert not gc.isenabled()
    assert not gc.isenabled()
    raise ValueError("as asked")


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_left_as_it_was_found(was_on: bool) -> None:
    """It is off inside, and afterwards as before, even after an error; nested pauses are one."""
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(ValueError, match="as asked"):
            fail()
        assert gc.isenabled() == was_on
    finally:
        (gc.enable if before else gc.disable)()
