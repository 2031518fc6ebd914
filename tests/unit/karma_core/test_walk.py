"""Driving a walk: every step that ended is taken in, also where an interrupt comes at the worst moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Any

import pytest

from karma_core.walk import Driver, Ended, Result, Step, ThreadExecutor, Walk

NAMES = ("a", "b", "c")


class Work:
    """Steps that do nothing; `ended` are those that did."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.was_interrupted = 0

    def first_step(self, address: str) -> str:
        return f"{address}-step"

    def step(self, address: str, step: str) -> Step:
        assert step == f"{address}-step"

        def call() -> Result:
            self.ended.append(address)
            return Result()

        return call

    def interrupted(self) -> None:
        self.was_interrupted += 1


class Interrupted(ThreadExecutor):
    """The first ticket that is waited for is lost on its way to the driver: Ctrl-C comes right then."""

    interrupts = 1

    def wait(self, running: Collection[Any]) -> tuple[Any, Any]:
        found = super().wait(running)
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return found


class Refusing(ThreadExecutor):
    """Starts one step, and no other."""

    submitted = 0

    def submit(self, address: str, step: str, call: Step, after: Any) -> Any:
        self.submitted += 1
        if self.submitted > 1:
            raise RuntimeError("it takes no more")
        return super().submit(address, step, call, after)


def _driver(executor: ThreadExecutor, work: Work) -> Driver:
    alone: dict[str, list[str]] = {name: [] for name in NAMES}
    return Driver(Walk(alone, dict.fromkeys(NAMES, 1)), work, executor, alone)


def test_an_interrupt_loses_no_step_that_has_ended() -> None:
    """What runs is waited for, and no longer: a ticket that is lost would be waited for forever."""
    work = Work()
    raised: list[BaseException] = []

    def drive() -> None:
        with Interrupted(3) as executor:
            try:
                _driver(executor, work).run(3)
            except BaseException as error:
                raised.append(error)

    driving = threading.Thread(target=drive, daemon=True)
    driving.start()
    driving.join(20)
    assert not driving.is_alive()
    assert [type(error) for error in raised] == [KeyboardInterrupt]
    assert sorted(work.ended) == list(NAMES)
    assert work.was_interrupted == 1


def test_what_runs_is_waited_for_where_no_more_can_be_started() -> None:
    """The error is raised then: nothing of the run goes on after it was closed. What runs is let end well."""
    work = Work()
    with Refusing(3) as executor, pytest.raises(RuntimeError, match="no more"):
        _driver(executor, work).run(3)
    assert work.ended == ["a"]
    assert work.was_interrupted == 0


def test_who_waits_gets_the_first_of_the_wanted_tickets() -> None:
    """Whichever ended before is there at once, in the order of those that are waited for."""
    ended = Ended()
    ended.add("x")
    ended.add("y")
    assert ended.first(["z", "y", "x"]) == "y"
    assert ended.first(["x"]) == "x"

    def later() -> None:
        time.sleep(0.05)
        ended.add("z")

    threading.Thread(target=later).start()
    assert ended.first({"z": 1}) == "z"
