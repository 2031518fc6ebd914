"""karma_adapters.local.failpoints and karma_core.failpoints."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from karma_adapters.local import failpoints as adapter
from karma_core import failpoints
from karma_core.errors import SettingsError


@pytest.fixture(autouse=True)
def _no_hook() -> Iterator[None]:
    yield
    failpoints.install(None)


def test_nothing_happens_without_a_hook() -> None:
    """A failpoint that nobody asked for costs a call and does nothing."""
    adapter.install({})
    failpoints.reach("anything")


def test_an_installed_hook_hears_every_name() -> None:
    """Tests may also listen instead of kill; None removes the hook."""
    heard: list[str] = []
    failpoints.install(heard.append)
    failpoints.reach("a")
    failpoints.install(None)
    failpoints.reach("b")
    assert heard == ["a"]


@pytest.mark.parametrize(("wanted", "survived"), [("b", 1), ("b:2", 3), ("c", 4)])
def test_the_process_ends_at_the_nth_reach(
    wanted: str, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`name:nth` counts the reaches of that name alone; the default is the first."""
    killed: list[int] = []
    passed: list[str] = []
    monkeypatch.setattr(os, "kill", lambda _pid, signal_: killed.append(signal_))
    adapter.install({"KARMA_FAILPOINT": wanted})
    for name in ("a", "b", "a", "b"):
        failpoints.reach(name)
        if killed:
            break
        passed.append(name)
    assert len(passed) == survived
    assert killed == ([signal.SIGKILL] if survived < 4 else [])


@pytest.mark.parametrize("wanted", ["a:0", "a:x", "a:-1", "a:²"])
def test_a_bad_count_is_said(wanted: str) -> None:
    """A count is a number from 1."""
    with pytest.raises(SettingsError):
        adapter.install({"KARMA_FAILPOINT": wanted})
