"""A log that does not agree with its head: from where it is brought back, and when it is taken as it is."""

from __future__ import annotations

import pytest

from karma_core.errors import LogTampered
from karma_log.log import Log
from tests.make_events import make_event
from tests.memory.sink import MemorySink
from tests.memory.state import MemoryState


class Fixture:
    """A log of three events with one copy."""

    def __init__(self) -> None:
        self.state, self.required, self.copy = MemoryState(), MemorySink(), MemorySink(name="copy")
        for number in range(3):
            self.log.append(make_event(number, action=f"step{number}"))

    @property
    def log(self) -> Log:
        """As a new process opens it."""
        return Log(self.required, self.state, copies=[self.copy])


def test_a_sound_log_is_not_doubted() -> None:
    """Nor one that a writer that died left further on than its head."""
    fix = Fixture()
    assert fix.log.doubt() == ""
    fix.state.reset_chain_head(None)
    assert fix.log.doubt() == ""


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_what_is_missing_comes_back_from_a_whole_copy(kept: int) -> None:
    """Nothing is lost then: every event is there again, and the head stays."""
    fix = Fixture()
    head = fix.state.chain_head()
    del fix.required.lines[kept:]
    assert "event" in fix.log.doubt()
    with pytest.raises(LogTampered):
        fix.log.append(make_event(7))
    assert "copy" in fix.log.accept()
    assert fix.required.lines == fix.copy.lines
    assert fix.state.chain_head() == head
    fix.log.append(make_event(7))
    assert fix.log.verify().verified


def test_without_a_whole_copy_it_is_taken_as_it_is() -> None:
    """The head is put where the log ends; it goes on from there."""
    fix = Fixture()
    del fix.required.lines[1:]
    fix.copy.lines[2] = fix.copy.lines[2].replace(b"step2", b"step9")
    assert fix.log.accept() == "it goes on from event 1"
    assert fix.log.append(make_event(7)).seq == 2


def test_a_broken_chain_is_not_taken() -> None:
    """Its file has to be moved away first; then the log begins anew."""
    fix = Fixture()
    fix.copy.lines.clear()
    fix.required.lines[1:] = [fix.required.lines[1].replace(b"step1", b"step9")]
    with pytest.raises(LogTampered, match="cannot be taken"):
        fix.log.accept()
    fix.required.lines.clear()
    assert fix.log.accept() == "it begins anew"
    assert fix.log.append(make_event(7)).seq == 1
