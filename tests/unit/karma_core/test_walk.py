"""The ready queue and its driver: a step that ended is taken in, also if an interrupt comes just then."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
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
        ended = super().wait(running)
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return ended


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


# -- the queue itself ---------------------------------------------------------------------------------------

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
HEIGHTS = {"a": 3, "b": 2, "c": 2, "d": 1, "e": 1}


def drained(walk: Walk) -> list[str]:
    """Everything that is ready, in the order in which it is handed out."""
    return list(iter(walk.take, None))


def test_the_longest_remaining_path_goes_first_and_ties_by_address() -> None:
    """What most waits for begins first."""
    heights = {"x": 1, "b": 2, "a": 2, "z": 9}
    assert drained(Walk(dict.fromkeys(heights, ()), heights)) == ["z", "a", "b", "x"]


def test_a_component_is_ready_when_all_its_producers_are_done() -> None:
    """Not before the last of them, and once."""
    walk = Walk(DIAMOND, HEIGHTS)
    assert walk.has_ready
    assert drained(walk) == ["a", "e"]
    assert not walk.has_ready
    walk.done("a")
    assert walk.has_ready
    assert drained(walk) == ["b", "c"]
    walk.done("b")
    assert drained(walk) == []
    walk.done("c")
    assert drained(walk) == ["d"]


def test_producers_outside_the_walk_are_not_waited_for() -> None:
    """They are as they are."""
    assert drained(Walk({"a": ["outside"]}, {"a": 1})) == ["a"]


def test_a_failure_blocks_everything_below_it_and_nothing_else() -> None:
    """With the failed component as the cause, the nearest first; a done sibling does not release it."""
    walk = Walk({**DIAMOND, "f": ["d"]}, {**HEIGHTS, "f": 0})
    drained(walk)
    walk.done("a")
    assert drained(walk) == ["b", "c"]
    walk.failed("b")
    assert walk.blocked == {"d": "b", "f": "b"}
    walk.done("c")
    assert drained(walk) == []
    walk.failed("a")
    assert walk.blocked == {"b": "a", "c": "a", "d": "b", "f": "b"}


def test_a_blocked_component_is_not_handed_out_though_all_it_waits_for_is_done() -> None:
    """Its producer failed in one step and is done in another: it stays blocked."""
    walk = Walk({"a": [], "b": ["a"]}, {"a": 2, "b": 1})
    drained(walk)
    walk.failed("a")
    walk.done("a")
    assert drained(walk) == []


def test_after_a_stop_nothing_is_handed_out() -> None:
    """Also what was ready already."""
    walk = Walk(DIAMOND, HEIGHTS)
    walk.stop()
    assert not walk.has_ready
    assert walk.take() is None


# -- driving ------------------------------------------------------------------------------------------------


class Scripted:
    """An executor and the work at once: steps end in the order of their submission, each as the script says.

    `script`: step → what it gives or raises (default: success). `submitted`: (address, step, tickets that
    it follows from); a ticket is `<address>:<step>`. `most` is how many ran at once.
    """

    def __init__(self, script: dict[str, Result | BaseException] | None = None) -> None:
        self.script = script or {}
        self.submitted: list[tuple[str, str, list[Any]]] = []
        self.made: list[tuple[str, str]] = []
        self.waited: list[str] = []
        self.most = 0
        self.interrupts = 0

    def first_step(self, address: str) -> str:
        return f"{address}1"

    def step(self, address: str, step: str) -> Step:
        self.made.append((address, step))
        return lambda: Result(next_step=f"of {step}")

    def interrupted(self) -> None:
        self.interrupts += 1

    def submit(self, address: str, step: str, call: Step, after: Sequence[Any]) -> str:
        assert call().next_step == f"of {step}"
        self.submitted.append((address, step, list(after)))
        return f"{address}:{step}"

    def wait(self, running: Collection[Any]) -> tuple[str, Result | BaseException]:
        self.most = max(self.most, len(running))
        ticket = next(iter(running))
        self.waited.append(ticket)
        outcome = self.script.get(ticket.partition(":")[2], Result())
        if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
            self.script[ticket.partition(":")[2]] = Result()
            raise outcome  # an interrupt comes while it is waited for
        return ticket, outcome


def driven(scripted: Scripted, parallelism: int = 9, producers: dict[str, list[str]] = DIAMOND) -> Walk:
    """The walk, run to its end."""
    walk = Walk(producers, HEIGHTS)
    Driver(walk, scripted, scripted, producers).run(parallelism)
    return walk


def test_every_component_is_worked_on_after_its_producers() -> None:
    """Its first step follows from the last steps of its producers, sorted; steps are made once each."""
    scripted = Scripted()
    assert driven(scripted).blocked == {}
    assert scripted.submitted == [
        ("a", "a1", []),
        ("e", "e1", []),
        ("b", "b1", ["a:a1"]),
        ("c", "c1", ["a:a1"]),
        ("d", "d1", ["b:b1", "c:c1"]),
    ]
    assert scripted.made == [(address, step) for address, step, _ in scripted.submitted]


def test_producers_outside_the_walk_have_no_ticket() -> None:
    """Their consumer's first step follows from nothing of this walk."""
    scripted = Scripted()
    driven(scripted, producers={"a": ["outside"]})
    assert scripted.submitted == [("a", "a1", [])]


@pytest.mark.parametrize("parallelism", [1, 2, 3])
def test_at_most_so_many_run_at_once(parallelism: int) -> None:
    """And as many as may, where so many are ready."""
    scripted = Scripted()
    alone: dict[str, list[str]] = {name: [] for name in "abcde"}
    driven(scripted, parallelism, alone)
    assert scripted.most == parallelism
    assert len(scripted.submitted) == len(alone)


def test_a_component_goes_through_its_steps_before_it_is_done() -> None:
    """A later step follows from the one before; consumers follow from the last."""
    scripted = Scripted({"a1": Result(next_step="a2"), "b1": Result(succeeded=False, next_step="b2")})
    assert driven(scripted, producers={"a": [], "b": ["a"], "c": ["b"]}).blocked == {}
    assert scripted.submitted == [
        ("a", "a1", []),
        ("a", "a2", ["a:a1"]),
        ("b", "b1", ["a:a2"]),
        ("b", "b2", ["b:b1"]),
        ("c", "c1", ["b:b2"]),
    ]


def test_a_failure_stops_its_consumers_alone() -> None:
    """The rest is worked on, and nothing is raised."""
    scripted = Scripted({"b1": Result(succeeded=False)})
    assert driven(scripted).blocked == {"d": "b"}
    assert [address for address, _, _ in scripted.submitted] == ["a", "e", "b", "c"]


def test_what_a_step_raises_ends_the_walk_after_what_runs() -> None:
    """Nothing more is handed out, what runs is waited for, and the first error is the one that is raised."""
    first, second = ValueError("first"), ValueError("second")
    scripted = Scripted({"b1": first, "c1": second})
    walk = Walk(DIAMOND, HEIGHTS)
    with pytest.raises(ValueError, match="first") as raised:
        Driver(walk, scripted, scripted, DIAMOND).run(9)
    assert raised.value is first
    assert scripted.waited == ["a:a1", "e:e1", "b:b1", "c:c1"]
    assert walk.blocked == {"d": "b"}
    assert scripted.interrupts == 0


def test_an_interrupt_after_an_error_waits_no_longer() -> None:
    """As a second interrupt: it is raised at once, though something runs."""
    scripted = Scripted({"a1": ValueError("first"), "e1": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        driven(scripted)


def test_an_error_after_an_interrupt_is_waited_for() -> None:
    """What runs is ended well: an error on the way does not cut it short, and the interrupt is raised."""
    scripted = Scripted({"a1": KeyboardInterrupt(), "e1": ValueError("late")})
    with pytest.raises(KeyboardInterrupt):
        driven(scripted, producers={"a": [], "e": [], "b": []})
    assert scripted.waited == ["a:a1", "a:a1", "b:b1", "e:e1"]
    assert scripted.interrupts == 1


# -- threads ------------------------------------------------------------------------------------------------


def test_steps_run_in_so_many_threads_of_a_known_name() -> None:
    """Logs and stack dumps show whose threads they are; no more run than were asked for."""
    both = threading.Barrier(2)
    names: set[str] = set()
    running, most = set[int](), [0]
    lock = threading.Lock()

    def call() -> Result:
        with lock:
            running.add(threading.get_ident())
            most[0] = max(most[0], len(running))
        both.wait(20)
        with lock:
            running.discard(threading.get_ident())
            names.add(threading.current_thread().name)
        both.wait(20)
        return Result()

    with ThreadExecutor(2) as executor:
        tickets = [executor.submit("a", "s", call, []) for _ in range(4)]
        assert [executor.wait([ticket]) for ticket in tickets] == [(ticket, Result()) for ticket in tickets]
    assert names == {"karma_0", "karma_1"}
    assert most == [2]


def test_leaving_waits_for_what_runs_and_drops_what_does_not() -> None:
    """No thread outlives the walk, and nothing is begun on the way out."""
    begun, free, ended = threading.Event(), threading.Event(), []

    def slow() -> Result:
        begun.set()
        assert free.wait(20)
        ended.append("slow")
        return Result()

    with ThreadExecutor(1) as executor:
        executor.submit("a", "s", slow, [])
        waiting = executor.submit("b", "s", Result, [])
        assert begun.wait(20)
        threading.Timer(0.2, free.set).start()
    assert ended == ["slow"]
    assert waiting.cancelled()


def test_what_a_step_raises_is_given_to_who_waits() -> None:
    """As a value: the driver decides what becomes of it."""
    error = ValueError("no")

    def call() -> Result:
        raise error

    with ThreadExecutor(1) as executor:
        ticket = executor.submit("a", "s", call, [])
        assert executor.wait([ticket]) == (ticket, error)
