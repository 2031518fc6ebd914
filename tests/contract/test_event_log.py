"""The contract of `ports.EventLog`, over every sink that may be the required one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.kinds import SINKS
from karma_adapters.wiring.settings import Sections
from karma_adapters.wiring.stores import Stores
from karma_core.errors import LogTampered, Refused, UsageError
from karma_core.ports import EventLog
from karma_core.records import Event
from karma_log.log import Log
from karma_log.sinks.base import Sink
from tests import local_aws
from tests.make_events import make_event
from tests.memory.sink import MemorySink
from tests.memory.state import MemoryState

AWS_SINKS = {"dynamodb": local_aws.event_table, "s3": local_aws.event_bucket}
FILES = {kind.name: kind for kind in SINKS if not kind.shared}
OpenLog = Callable[[], EventLog]


@pytest.fixture(params=["memory", *FILES, *AWS_SINKS])
def open_log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenLog]:
    """Opens the log under test; each call is another process over the same stores."""
    state, opened = MemoryState(), []
    memory = MemorySink()
    distant = AWS_SINKS[request.param](local_aws.fresh(monkeypatch)) if request.param in AWS_SINKS else None

    def sink() -> Sink:
        if request.param in FILES:
            made: Sink = FILES[request.param].open(Stores(Sections(), "test", tmp_path), True)
            return made
        return distant or memory

    def opener() -> EventLog:
        opened.append(Log(sink(), state))
        return opened[-1]

    yield opener
    for log in opened:
        log.close()


def numbers(events: Any) -> list[int]:
    """The sequence numbers of events."""
    return [event.seq for event in events]


def test_an_empty_log(open_log: OpenLog) -> None:
    """It has no event, and says so without an error."""
    log = open_log()
    assert list(log.events()) == []
    assert log.event("E00001") is None
    assert log.append_all([]) == ()


def test_an_event_is_numbered_and_linked_to_the_one_before(open_log: OpenLog) -> None:
    """`seq` from 1 without a gap, `prev` the hash of the event before; the rest is as it was given."""
    log = open_log()
    first = log.append(make_event(1))
    second, third = log.append_all([make_event(2), make_event(3)])
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert (second.prev, third.prev) == (first.hash, second.hash)
    assert len({first.hash, second.hash, third.hash}) == 3
    assert (first.id, first.inputs, first.component) == ("E00001", {"number": 1}, "vpc/core")


def test_what_was_appended_is_read_by_every_process(open_log: OpenLog) -> None:
    """In order, one by one by its id, and as the append returned it; writers take turns."""
    one, other = open_log(), open_log()
    written = (one.append(make_event(1)), other.append(make_event(2)), one.append(make_event(3)))
    for log in (one, other, open_log()):
        assert tuple(log.events()) == written
        assert log.event("E00002") == written[1]
        assert log.event("E00009") is None


def test_a_part_of_the_log(open_log: OpenLog) -> None:
    """Between two numbers, both left out; from the newest; at most so many."""
    log = open_log()
    log.append_all([make_event(number) for number in range(1, 8)])
    assert numbers(log.events(after_seq=5)) == [6, 7]
    assert numbers(log.events(before_seq=3)) == [1, 2]
    assert numbers(log.events(after_seq=2, before_seq=6)) == [3, 4, 5]
    assert numbers(log.events(newest_first=True, limit=2)) == [7, 6]
    assert numbers(log.events(newest_first=True, before_seq=4, after_seq=1)) == [3, 2]
    assert numbers(log.events(limit=0)) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"component": "db/main"}, [2]),
        ({"action": "config_publish"}, [3]),
        ({"action": "config_*"}, [3]),
        ({"action": "*"}, [1, 2, 3, 4]),
        ({"action": "config"}, []),
        ({"user": "bob"}, [4]),
        ({"run_id": "R1"}, [1, 2]),
        ({"run_id": "R1", "component": "db/main"}, [2]),
        ({"since": "2026-11-24T00:00:03Z"}, [3, 4]),
        ({"until": "2026-11-24T00:00:02Z"}, [1, 2]),
        ({"since": "2026-11-24", "until": "2026-11-24"}, [1, 2, 3, 4]),
        ({"since": "2026-11-25"}, []),
    ],
)
def test_events_that_match_every_condition(
    open_log: OpenLog, wanted: dict[str, str], expected: list[int]
) -> None:
    """Times count themselves in; a `*` at the end of an action is a prefix."""
    log = open_log()
    given: list[Event] = [
        make_event(1, run_id="R1"),
        make_event(2, run_id="R1", component="db/main"),
        make_event(3, action="config_publish"),
        make_event(4, user="bob"),
    ]
    log.append_all(given)
    assert numbers(log.events(**wanted)) == expected


def test_a_time_that_is_none_is_refused(open_log: OpenLog) -> None:
    """A reader that got all events instead would not notice."""
    with pytest.raises(UsageError) as refused:
        list(open_log().events(since="yesterday"))
    assert refused.value.code == "invalid-time"


def test_a_copy_is_cut_where_it_is_asked_to(open_log: OpenLog) -> None:
    """Its lines are those of the events up to a number, and its chain verifies."""
    log = open_log()
    log.append_all([make_event(number) for number in range(1, 5)])
    lines = list(log.copy_out(3))
    assert len(lines) == 3
    assert log.check_copy(lines) == 3
    assert log.check_copy([]) == 0


def test_a_copy_with_a_changed_line_does_not_verify(open_log: OpenLog) -> None:
    """Nor does one in which a line is missing."""
    log = open_log()
    log.append_all([make_event(number) for number in range(1, 4)])
    lines = list(log.copy_out(3))
    for damaged in ([lines[0], lines[1].replace(b"E0", b"F0"), lines[2]], [lines[0], lines[2]]):
        with pytest.raises(LogTampered):
            log.check_copy(damaged)


def test_a_copy_makes_the_log_again(open_log: OpenLog) -> None:
    """An empty log gets all of it, a shorter one the rest, a longer one nothing; each goes on behind it."""
    log = open_log()
    assert list(log.copy_out(9)) == []
    first = Log(MemorySink(), MemoryState())
    first.append_all([make_event(number) for number in range(1, 5)])
    lines = list(first.copy_out(4))
    log.copy_in(lines[:2])
    log.copy_in(lines)
    assert list(log.copy_out(9)) == lines
    assert log.append(make_event(5)).seq == 5
    log.copy_in(lines)
    assert numbers(log.events()) == [1, 2, 3, 4, 5]


def test_a_copy_of_another_log_is_refused(open_log: OpenLog) -> None:
    """Neither is the other's beginning: nothing is appended."""
    log = open_log()
    log.append(make_event(1, user="somebody else"))
    other = Log(MemorySink(), MemoryState())
    other.append_all([make_event(1), make_event(2)])
    with pytest.raises(Refused) as caught:
        log.copy_in(list(other.copy_out(2)))
    assert caught.value.code == "log-diverged"
    assert numbers(log.events()) == [1]
