"""Verifying a log with copies."""

from __future__ import annotations

import pytest

from karma_core.errors import StoreUnavailable
from karma_log import chain
from karma_log.verify import verify_log
from tests.make_events import head_after, make_chain, make_event
from tests.memory.sink import MemorySink

EVENTS = make_chain(5)
HEAD = chain.head_of(EVENTS[-1])


def sink(events=EVENTS, name: str = "memory") -> MemorySink:
    """A sink that holds these events, whatever they are."""
    made = MemorySink(name=name)
    made.lines = [chain.line(event) for event in events]
    return made


def test_equal_sinks_verify() -> None:
    """Required and copies hold the same chain: no problem, no note."""
    verification = verify_log(sink(), [sink(name="a"), sink(name="b")], HEAD)
    assert (verification.verified, verification.events, verification.problems, verification.notes) == (
        True,
        5,
        (),
        (),
    )
    assert [(part.sink, part.required) for part in verification.sinks] == [
        ("memory", True),
        ("a", False),
        ("b", False),
    ]


@pytest.mark.parametrize("length", [0, 3])
def test_a_lagging_copy_is_a_note(length: int) -> None:
    """A beginning of the chain is what a copy that was down holds."""
    verification = verify_log(sink(), [sink(EVENTS[:length], "a")], HEAD)
    assert verification.verified
    assert verification.sinks[1].behind == 5 - length
    assert f"the copy a is {5 - length} event(s) behind" in verification.notes[0]


def test_an_altered_copy_is_a_problem() -> None:
    """Copies are checked byte by byte as well."""
    copy = sink(name="a")
    copy.lines[1] = copy.lines[1].replace(b"ann", b"eve")
    verification = verify_log(sink(), [copy], HEAD)
    assert not verification.verified
    assert verification.sinks[0].result.verified
    assert [problem.kind for problem in verification.sinks[1].result.problems] == ["altered"]


def test_a_copy_of_another_chain_is_a_problem() -> None:
    """Sound in itself, but not what the required sink holds."""
    other = chain.link([make_event(9), make_event(8)], None)
    verification = verify_log(sink(), [sink(other, "a")], HEAD)
    assert [problem.kind for problem in verification.problems] == ["diverged"]


def test_a_copy_shows_what_the_required_sink_lost() -> None:
    """A required sink that was cut off, and whose head was lost too, is betrayed by its copy."""
    verification = verify_log(sink(EVENTS[:3]), [sink(name="a")], head_after(EVENTS, 3))
    assert [(problem.kind, problem.seq) for problem in verification.problems] == [("ahead", 4)]


def test_a_copy_that_cannot_be_read_is_a_note() -> None:
    """The required sink decides; a copy that is down proves nothing."""

    class DownSink(MemorySink):
        def stored(self, *, after_seq: int = 0):
            raise StoreUnavailable("no connection")

    verification = verify_log(sink(), [DownSink(name="a")], HEAD)
    assert verification.verified
    assert "the copy a was not read: no connection" in verification.notes


def test_a_required_sink_that_is_down_is_an_error() -> None:
    """No verdict is given without it."""

    class DownSink(MemorySink):
        def stored(self, *, after_seq: int = 0):
            raise StoreUnavailable("no connection")

    with pytest.raises(StoreUnavailable):
        verify_log(DownSink(), [sink()], HEAD)
