"""Keeps a second sink up to date with the required one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Final

from karma_core.errors import Conflict, KarmaError, LogTampered
from karma_core.ports import Say
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.sinks.base import Sink

_BATCH: Final = 500
"""Events in one append while catching up. Ours: some hundred kilobytes in memory."""
_ATTEMPTS: Final = 5
"""Tries against other processes that bring up the same copy; the next append goes on where these end."""


class Copy:
    """One copy of the required sink. Its failures are said, never raised: nothing depends on a copy."""

    def __init__(self, sink: Sink, required: Sink, say: Say) -> None:
        self.sink = sink
        self._required = required
        self._say = say
        self._lock = Lock()

    def follow(self, before: ChainHead | None, linked: Sequence[Event]) -> bool:
        """Take the events that were just appended behind `before`, and first what the copy still lacks.

        Whether the copy is up with them; `log_copy_behind` is said if not.
        """
        newest = chain.head_of(linked[-1])
        with self._lock:
            try:
                self._bring_up(newest, before, linked)
            except KarmaError as error:
                facts = {"sink": self.sink.name, "seq": newest.seq, "code": error.code, "why": str(error)}
                self._say("log_copy_behind", facts)
                return False
        return True

    def _bring_up(self, newest: ChainHead, before: ChainHead | None, linked: Sequence[Event]) -> None:
        """Append; where the copy is not where it should be, look where it is and catch up."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if attempt == 1:
                    self.sink.append(linked, before)
                else:
                    self._look_and_catch_up(newest)
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _look_and_catch_up(self, newest: ChainHead) -> None:
        have = self.sink.head()
        if have is None or have.seq < newest.seq:
            self._catch_up(have)

    def _catch_up(self, have: ChainHead | None) -> None:
        behind = self._required.read(after_seq=have.seq if have else 0)
        for batch in _batches(behind):
            if batch[0].prev != (have.hash if have else chain.GENESIS):
                raise LogTampered(
                    f"the copy {self.sink.name} is not a copy of the log",
                    why=f"its newest event is not event {have.seq if have else 0} of the required sink",
                    next_step="run `karma log verify`; move the copy away to have it written anew",
                )
            self.sink.append(batch, have)
            have = chain.head_of(batch[-1])


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    while batch := list(islice(events, _BATCH)):
        yield batch
