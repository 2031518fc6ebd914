"""A sink in memory, for tests and trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter
from karma_log.sinks.base import head_moved


class MemorySink:
    """Lines in a list, in the bytes that a durable sink would hold."""

    def __init__(self, *, name: str = "memory") -> None:
        self.name = name
        self.lines: list[bytes] = []
        self._lock = Lock()

    def head(self) -> ChainHead | None:
        """The newest event."""
        lines = self.lines[-1:]
        return chain.head_of(self._parsed(lines[0])) if lines else None

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store the events if the newest stored one is `expected`, else Conflict."""
        with self._lock:
            head = self.head()
            if head != expected:
                raise head_moved(self.name, expected, head)
            self.lines += [chain.line(event) for event in events]

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq."""
        wanted = self.lines[after_seq : None if before_seq is None else max(0, before_seq - 1)]
        for raw in reversed(wanted) if newest_first else wanted:
            event = self._parsed(raw)
            if query.matches(event):
                yield event

    def event(self, event_id: str) -> Event | None:
        """One event."""
        return next((event for event in self.read() if event.id == event_id), None)

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The lines from the first one behind `after_seq`."""
        for number, raw in enumerate(self.lines[after_seq:], after_seq + 1):
            yield StoredLine(raw=raw, place=f"{self.name} line {number}")

    def close(self) -> None:
        """Nothing is held."""

    def _parsed(self, raw: bytes) -> Event:
        return chain.read_line(raw, where=f"a line in {self.name}")
