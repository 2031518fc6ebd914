"""The contract of `karma_log.sinks.base.Sink`, on every sink."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.wiring.kinds import SINKS, Kind
from karma_adapters.wiring.settings import Sections
from karma_adapters.wiring.stores import Stores
from karma_core.errors import Conflict, LogTampered
from karma_core.records import ChainHead
from karma_log import chain
from karma_log.filters import Filter, make_filter
from karma_log.sinks.base import Sink
from karma_log.sinks.dynamodb import DynamoSink
from tests import local_aws
from tests.make_events import head_after, make_chain, make_event
from tests.memory.sink import MemorySink


def opened(kind: Kind, *, durable: bool) -> Callable[[Path], Sink]:
    """Opens a sink of files, in a folder that does not exist yet."""
    return lambda directory: kind.open(Stores(Sections(), "test", directory / "new"), durable)


MAKERS: dict[str, Callable[[Path], Sink]] = {
    "memory": lambda _: MemorySink(),
    **{kind.name: opened(kind, durable=True) for kind in SINKS if not kind.shared},
    **{f"{kind.name}-copy": opened(kind, durable=False) for kind in SINKS if not kind.shared},
}
AWS_MAKERS: dict[str, Callable[[Access], Sink]] = {
    "dynamodb": local_aws.event_table,
    "s3": local_aws.event_bucket,
}


@pytest.fixture(params=sorted([*MAKERS, *AWS_MAKERS]))
def sink(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty sink of each kind."""
    if request.param in AWS_MAKERS:
        yield AWS_MAKERS[request.param](local_aws.fresh(monkeypatch))
        return
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def test_an_empty_sink_has_no_head_and_no_events(sink: Sink) -> None:
    """Reading before the first append finds nothing and fails nothing."""
    assert sink.head() is None
    assert list(sink.read()) == []
    assert list(sink.stored()) == []
    assert sink.event("E00001") is None


def test_what_is_appended_is_read_back(sink: Sink) -> None:
    """Events come back whole and in order, one by one and several at once."""
    events = make_chain(5)
    sink.append(events[:1], None)
    sink.append(events[1:], head_after(events, 1))
    assert tuple(sink.read()) == events
    assert sink.head() == chain.head_of(events[-1])
    assert sink.event("E00003") == events[2]
    assert sink.event("E99999") is None


def test_an_append_behind_another_head_is_refused_whole(sink: Sink) -> None:
    """Conflict where the head is not the expected one, and nothing is stored."""
    events = make_chain(3)
    sink.append(events[:2], None)
    wrong = [None, head_after(events, 1), ChainHead(seq=2, hash="sha256:other"), ChainHead(seq=9, hash="x")]
    for expected in wrong:
        with pytest.raises(Conflict):
            sink.append(events[2:], expected)
    assert tuple(sink.read()) == events[:2]


def test_an_event_that_follows_another_history_is_refused(sink: Sink) -> None:
    """The right number behind a head with another hash is a second chain, and not stored."""
    events = make_chain(2)
    sink.append(events, None)
    forged = ChainHead(seq=2, hash="sha256:other")
    with pytest.raises(Conflict):
        sink.append(chain.link([make_event(3)], forged), forged)
    assert tuple(sink.read()) == events


def test_stored_lines_are_canonical_and_verify(sink: Sink) -> None:
    """What a sink stores is exactly the canonical line, so that verification covers every byte."""
    events = make_chain(4)
    sink.append(events, None)
    stored = list(sink.stored())
    assert [line.raw for line in stored] == [chain.line(event) for event in events]
    assert chain.verify_lines(stored, chain.head_of(events[-1])).verified
    assert [line.raw for line in sink.stored(after_seq=3)] == [chain.line(events[3])]


def test_reading_goes_on_behind_a_number_in_both_directions(sink: Sink) -> None:
    """`after_seq`, `before_seq` and `newest_first` hold across pages and blocks."""
    # moto copies its tables in each transaction; two full ones and a rest are enough there.
    length = 201 if isinstance(sink, DynamoSink) else 1200
    events = make_chain(length)
    sink.append(events, None)
    for after in (0, 1, length // 2 - 1, length - 1, length):
        assert tuple(sink.read(after_seq=after)) == events[after:]
        assert tuple(sink.read(after_seq=after, newest_first=True)) == events[after:][::-1]
        assert [line.raw for line in sink.stored(after_seq=after)] == [chain.line(e) for e in events[after:]]
    for before in (1, 2, length // 2, length, length + 1, length + 9):
        assert tuple(sink.read(before_seq=before)) == events[: before - 1]
        assert tuple(sink.read(before_seq=before, newest_first=True)) == events[: before - 1][::-1]
        for after in (1, length // 2 - 1, length):
            assert tuple(sink.read(after_seq=after, before_seq=before)) == events[after : before - 1]


FILTERS = {
    "component": (make_filter(component="alb/web"), [2]),
    "action": (make_filter(action="config_publish"), [3]),
    "action prefix": (make_filter(action="terraform_*"), [1, 2, 4, 5]),
    "every action": (make_filter(action="*"), [1, 2, 3, 4, 5]),
    "user": (make_filter(user="bob"), [4]),
    "run": (make_filter(run_id="R1"), [5]),
    "since": (make_filter(since="2026-11-24T00:00:04Z"), [4, 5]),
    "until": (make_filter(until="2026-11-24T00:00:02+00:00"), [1, 2]),
    "a day": (make_filter(since="2026-11-24", until="2026-11-24"), [1, 2, 3, 4, 5]),
    "several": (
        make_filter(action="terraform_*", component="vpc/core", until="2026-11-24T00:00:04Z"),
        [1, 4],
    ),
    "nothing": (make_filter(component="x' OR 1=1 --"), []),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_mean_the_same_in_every_sink(sink: Sink, name: str) -> None:
    """Each condition, and several together, select the same events whatever the store."""
    query, expected = FILTERS[name]
    events = chain.link(
        [
            make_event(1),
            make_event(2, component="alb/web", action="terraform_plan"),
            make_event(3, component=None, action="config_publish"),
            make_event(4, user="bob"),
            make_event(5, run_id="R1"),
        ],
        None,
    )
    sink.append(events, None)
    assert [event.seq for event in sink.read(query)] == expected
    assert [event.seq for event in sink.read(query, newest_first=True)] == expected[::-1]
    inside = [seq for seq in expected if 1 < seq < 5]
    assert [event.seq for event in sink.read(query, after_seq=1, before_seq=5)] == inside
    assert [e.seq for e in sink.read(query, after_seq=1, before_seq=5, newest_first=True)] == inside[::-1]


def test_a_page_in_the_middle_reads_no_more_than_itself(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between the newest event and the page is not read through."""
    events = make_chain(150)
    sink.append(events, None)
    read: list[bytes] = []
    real = chain.read_line
    monkeypatch.setattr(
        chain, "read_line", lambda raw, *, where: (read.append(raw), real(raw, where=where))[1]
    )
    page = sink.read(before_seq=20, newest_first=True)
    assert [next(page).seq for _ in range(10)] == list(range(19, 9, -1))
    assert len(read) == 10


def test_unusual_text_survives(sink: Sink) -> None:
    """Newlines, NUL, quotes, line separators, wide characters and an event of 300 kB come back as given."""
    user = "a\nb\r\n\x1f\"'\\ \u2028 é 漢 \U0001f600"
    odd = user + "\x00"
    events = chain.link(
        [
            make_event(1, user=user, inputs={odd: [odd, {"n": None}]}),
            make_event(2, inputs={"big": "x" * 300_000}),
        ],
        None,
    )
    sink.append(events, None)
    assert tuple(sink.read()) == events
    assert tuple(sink.read(newest_first=True)) == events[::-1]
    assert tuple(sink.read(Filter(user=user))) == events[:1]
    assert sink.head() == chain.head_of(events[1])
    assert chain.verify_lines(sink.stored(), sink.head()).verified


def test_reading_may_append(sink: Sink) -> None:
    """An append in the middle of a reading neither blocks nor breaks it."""
    events = make_chain(3)
    sink.append(events[:2], None)
    seen = []
    for event in sink.read():
        seen.append(event)
        if event.seq == 1:
            sink.append(events[2:], head_after(events, 2))
    assert tuple(seen[:2]) == events[:2]
    assert tuple(sink.read()) == events


def test_every_sink_that_the_settings_may_name_is_under_test() -> None:
    """One of files is taken from the table; one in AWS needs a maker here."""
    assert {kind.name for kind in SINKS} <= MAKERS.keys() | AWS_MAKERS.keys()


def test_a_line_that_is_no_event_is_tampering(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable line raises LogTampered when read; the lines as stored still come."""
    with monkeypatch.context() as damaged:
        damaged.setattr(chain, "line", lambda _: b"{")
        sink.append(make_chain(1), None)
    with pytest.raises(LogTampered):
        list(sink.read())
    with pytest.raises(LogTampered):
        sink.head()
    assert [line.raw for line in sink.stored()] == [b"{"]


def test_indexes_agree_with_the_lines(sink: Sink) -> None:
    """Of an empty sink, and of one that events of every kind were appended to."""
    assert list(sink.index_faults()) == []
    events = chain.link(
        [make_event(1), make_event(2, component=None, run_id="R1"), make_event(3, action="deploy")], None
    )
    sink.append(events, None)
    assert list(sink.index_faults()) == []
