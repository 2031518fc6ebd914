"""The log over its sinks and the state store: order of steps, failures, healing, copies."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from karma_core.errors import LogTampered, StoreError, StoreUnavailable, UsageError
from karma_core.masking.masker import MASK as SENSITIVE
from karma_core.records import ChainHead, Event
from karma_log import chain, log
from karma_log.log import Log
from karma_log.redact import Redactor
from karma_log.sinks.file import FileSink
from karma_log.sinks.sqlite import SqliteSink
from tests.make_events import make_event
from tests.memory.sink import MemorySink
from tests.memory.state import MemoryState


class FailingSink(MemorySink):
    """A sink that can be down, and tells who called it in what order."""

    def __init__(self, name: str, calls: list[str] | None = None) -> None:
        super().__init__(name=name)
        self.down = False
        self.calls = calls if calls is not None else []

    def head(self) -> ChainHead | None:
        self.fail()
        return super().head()

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        self.fail()
        super().append(events, expected)
        self.calls.append(self.name)

    def fail(self) -> None:
        if self.down:
            raise StoreUnavailable(f"{self.name} is down")


class WatchedState(MemoryState):
    """A state store that tells when the head moved, and can refuse to."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls
        self.down = False

    def move_chain_head(self, head: ChainHead) -> None:
        if self.down:
            raise StoreError("the state store is down")
        self.calls.append("head")
        super().move_chain_head(head)


class Fixture:
    """A log over fakes, with everything that they were asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.required = FailingSink("required", self.calls)
        self.copy = FailingSink("copy", self.calls)
        self.second = FailingSink("second", self.calls)
        self.state = WatchedState(self.calls)
        self.log = self.again()

    def again(self) -> Log:
        """The log as the next process opens it."""
        return Log(
            self.required,
            self.state,
            copies=[self.copy, self.second],
            say=lambda name, facts: self.said.append((name, facts)),
        )


@pytest.fixture
def fix() -> Fixture:
    """A fresh log over fakes."""
    return Fixture()


class TestAppend:
    def test_required_then_head_then_copies(self, fix: Fixture) -> None:
        """The order that makes every crash harmless."""
        fix.log.append(make_event(1))
        assert fix.calls == ["required", "head", "copy", "second"]
        assert fix.required.lines == fix.copy.lines == fix.second.lines
        assert fix.said == []

    def test_the_event_comes_back_with_its_place(self, fix: Fixture) -> None:
        """seq, prev and hash are those that are stored."""
        first, second = fix.log.append(make_event(1)), fix.log.append(make_event(2))
        assert (first.seq, first.prev, second.seq, second.prev) == (1, "", 2, first.hash)
        assert list(fix.log.events()) == [first, second]
        assert fix.log.event("E00002") == second
        assert fix.state.chain_head() == chain.head_of(second)

    def test_several_events_are_one_step(self, fix: Fixture) -> None:
        """One append in each sink, one move of the head; nothing for no events."""
        events = fix.log.append_all([make_event(1), make_event(2)])
        assert [event.seq for event in events] == [1, 2]
        assert fix.log.append_all([]) == ()
        assert fix.calls == ["required", "head", "copy", "second"]

    def test_every_event_is_redacted_before_it_is_hashed(self) -> None:
        """No secret reaches a sink, and the chain is over what is stored."""
        sink, state = MemorySink(), MemoryState()
        written = Log(sink, state, redactor=Redactor(["canary-1"])).append(
            make_event(1, user="canary-1", inputs={"password": "x", "note": "canary-1"})
        )
        assert written.inputs == {"password": SENSITIVE, "note": SENSITIVE}
        assert b"canary" not in sink.lines[0]
        assert chain.verify_lines(sink.stored(), state.chain_head()).verified

    def test_times_are_stored_in_one_form(self, fix: Fixture) -> None:
        """Outside events say their time in other forms; what is no time is refused."""
        event = fix.log.append(make_event(1, timestamp="2026-11-24T07:00:00+01:00"))
        assert event.timestamp == "2026-11-24T06:00:00.000000Z"
        assert list(fix.log.events(since="2026-11-24T06:00:00Z", until="2026-11-24T06:00:00Z")) == [event]
        with pytest.raises(UsageError):
            fix.log.append(make_event(2, timestamp="soon"))

    def test_a_failing_required_sink_fails_the_append(self, fix: Fixture) -> None:
        """Nothing may be applied then: neither the head nor a copy has moved."""
        fix.log.append(make_event(1))
        fix.required.down = True
        fix.calls.clear()
        with pytest.raises(StoreUnavailable, match="required is down"):
            fix.log.append(make_event(2))
        assert fix.calls == []
        fix.required.down = False
        assert fix.log.append(make_event(3)).seq == 2

    def test_a_failing_state_store_fails_the_append(self, fix: Fixture) -> None:
        """The caller must not go on; the event that is stored already is taken in later."""
        fix.log.append(make_event(1))
        fix.state.down = True
        with pytest.raises(StoreError):
            fix.log.append(make_event(2))
        fix.state.down = False
        for opened in (fix.log, fix.again()):
            opened.append(make_event(3))
            assert opened.verify().verified
        assert fix.state.chain_head().seq == 4

    def test_the_head_is_read_once(self, fix: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
        """An append costs the sync of its writes: it does not read the head that it wrote itself."""
        fix.log.append(make_event(1))
        monkeypatch.setattr(fix.state, "chain_head", lambda: pytest.fail("the head was read again"))
        fix.log.append(make_event(2))

    def test_two_logs_over_one_sink_make_one_chain(self, fix: Fixture) -> None:
        """Each takes in what the other wrote."""
        other = fix.again()
        for number in range(6):
            (fix.log, other)[number % 2].append(make_event(number))
        assert [event.seq for event in other.events()] == [1, 2, 3, 4, 5, 6]
        assert other.verify().verified

    def test_a_log_that_is_always_late_gives_up(self, fix: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
        """The deadline is an error that may be tried again, not an endless loop."""
        monkeypatch.setattr(log, "_APPEND_SECONDS", 0.0)
        fix.log.append(make_event(1))
        fix.again().append(make_event(2))
        with pytest.raises(StoreUnavailable, match="faster"):
            fix.log.append(make_event(3))

    @pytest.mark.parametrize("kind", ["file", "sqlite"])
    def test_threads_make_one_chain(self, tmp_path: Path, kind: str) -> None:
        """A deploy logs from several threads, with copies."""
        sinks = [FileSink(tmp_path / "log.jsonl"), SqliteSink(tmp_path / "log.db")]
        required, copy = sinks if kind == "file" else sinks[::-1]
        shared = Log(required, MemoryState(), copies=[copy])
        start = threading.Barrier(4)

        def work(worker: int) -> None:
            start.wait()
            for number in range(10):
                shared.append(make_event(worker * 100 + number))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(4)))
        verification = shared.verify()
        assert (verification.verified, verification.events, verification.sinks[1].behind) == (True, 40, 0)
        shared.close()


class TestHealing:
    def died_before_the_head(self, fix: Fixture, *numbers: int) -> tuple[Event, ...]:
        """Events in the required sink that the head does not know."""
        head = fix.required.head()
        events = chain.link([make_event(number) for number in numbers], head)
        fix.required.append(events, head)
        return events

    def test_the_next_append_takes_in_newer_events(self, fix: Fixture) -> None:
        """A crash between the required sink and the head is not tampering."""
        fix.log.append(make_event(1))
        self.died_before_the_head(fix, 2, 3)
        assert fix.again().append(make_event(4)).seq == 4
        assert fix.state.chain_head().seq == 4
        assert fix.again().verify().verified
        assert fix.copy.lines == fix.required.lines

    def test_verify_takes_them_in_as_well(self, fix: Fixture) -> None:
        """Verification moves the head forward and says so."""
        fix.log.append(make_event(1))
        events = self.died_before_the_head(fix, 2)
        verification = fix.again().verify()
        assert verification.verified
        assert any("newer than the head" in note for note in verification.notes)
        assert fix.state.chain_head() == chain.head_of(events[0])
        assert fix.said == [("log_head_healed", {"seq": 2, "from_seq": 1})]
        assert fix.again().verify().required.notes == ()

    def test_a_lost_state_store_is_filled_from_the_log(self, fix: Fixture) -> None:
        """Without a head the whole chain is checked, then trusted."""
        fix.log.append_all([make_event(1), make_event(2)])
        fix.state = WatchedState(fix.calls)
        assert fix.again().append(make_event(3)).seq == 3

    def test_newer_events_must_link_on(self, fix: Fixture) -> None:
        """Events behind the head that do not follow from it are tampering: nothing is appended."""
        fix.log.append(make_event(1))
        forged = chain.link([make_event(2)], ChainHead(seq=1, hash="sha256:other"))
        fix.required.lines.append(chain.line(forged[0]))
        for attempt in (fix.again(), fix.again()):
            with pytest.raises(LogTampered, match="does not follow"):
                attempt.append(make_event(3))
        assert len(fix.required.lines) == 2
        assert not fix.again().verify().verified
        assert fix.state.chain_head().seq == 1

    @pytest.mark.parametrize("left", [0, 1, 2])
    def test_a_cut_off_log_takes_no_more_events(self, fix: Fixture, left: int) -> None:
        """Appending to a cut-off log would hide the cut: the append fails, also in a running process."""
        fix.log.append_all([make_event(number) for number in (1, 2, 3)])
        del fix.required.lines[left:]
        for opened in (fix.log, fix.again()):
            with pytest.raises(LogTampered, match=f"ends at event {left}"):
                opened.append(make_event(4))
        assert [problem.kind for problem in fix.again().verify().required.problems] == ["cut-off"]

    def test_another_last_event_is_tampering(self, fix: Fixture) -> None:
        """The same length with another hash."""
        fix.log.append(make_event(1))
        fix.required.lines[:] = [chain.line(chain.link([make_event(9)], None)[0])]
        with pytest.raises(LogTampered):
            fix.again().append(make_event(2))


class TestCopies:
    def test_a_copy_that_is_down_is_said_and_catches_up_at_the_next_append(self, fix: Fixture) -> None:
        """The append succeeds, the other copy gets it, and nothing is missing afterwards."""
        fix.copy.down = True
        fix.log.append(make_event(1))
        fix.log.append(make_event(2))
        assert [(name, facts["sink"], facts["seq"]) for name, facts in fix.said] == [
            ("log_copy_behind", "copy", 1),
            ("log_copy_behind", "copy", 2),
        ]
        assert "copy is down" in fix.said[0][1]["why"]
        assert len(fix.second.lines) == 2
        fix.copy.down = False
        fix.log.append(make_event(3))
        assert fix.copy.lines == fix.second.lines == fix.required.lines

    def test_catching_up_can_be_asked_for(self, fix: Fixture) -> None:
        """`catch_up` brings all copies up, also one that was added later, and says whether it could."""
        fix.copy.down = True
        fix.log.append_all([make_event(number) for number in range(1200)])
        fix.second.lines.clear()
        assert not fix.log.catch_up()
        assert fix.second.lines == fix.required.lines
        fix.copy.down = False
        assert fix.log.catch_up()
        assert fix.copy.lines == fix.required.lines

    def test_an_empty_log_has_nothing_to_catch_up(self, fix: Fixture) -> None:
        """No events, no lag."""
        assert fix.log.catch_up()
        assert fix.said == []

    def test_a_copy_of_something_else_is_not_written(self, fix: Fixture) -> None:
        """A sink that holds another chain is said to diverge, and left as it is."""
        fix.copy.append(chain.link([make_event(9)], None), None)
        fix.log.append_all([make_event(1), make_event(2)])
        assert fix.said[0][1]["code"] == "log-tampered"
        assert len(fix.copy.lines) == 1
        assert not fix.log.verify().verified

    def test_a_copy_is_made_from_the_required_sink(self, tmp_path: Path) -> None:
        """A new file beside an SQLite log becomes the same chain, byte by byte."""
        required, state = SqliteSink(tmp_path / "log.db"), MemoryState()
        Log(required, state).append_all([make_event(number) for number in range(700)])
        copy = FileSink(tmp_path / "log.jsonl", durable=False)
        opened = Log(required, state, copies=[copy])
        opened.append(make_event(700))
        assert [line.raw for line in copy.stored()] == [line.raw for line in required.stored()]
        opened.close()


def test_reading_by_filters_and_limit(fix: Fixture) -> None:
    """The port's filters, newest first, and a limit that counts matches."""
    fix.log.append_all(
        [make_event(number, component=f"vpc/{'ab'[number % 2]}", run_id=f"R{number}") for number in range(6)]
    )
    assert [event.id for event in fix.log.events(component="vpc/a", limit=2)] == ["E00000", "E00002"]
    assert [event.id for event in fix.log.events(component="vpc/a", limit=1, newest_first=True)] == ["E00004"]
    assert [
        event.id for event in fix.log.events(run_id="R3", action="terraform_*", user="ann@example.org")
    ] == ["E00003"]
    assert list(fix.log.events(limit=0)) == []
