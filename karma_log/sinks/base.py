"""The interface of sinks, which store the log's events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from karma_core.errors import Conflict, KarmaError, StoreError
from karma_core.records import ChainHead, Event
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter


class Sink(Protocol):
    """An append-only store of one chain of linked events, shared by threads and processes.

    A sink stores events as they are given: it makes no hashes and judges none. It raises only KarmaError and
    its children; opening one does nothing until the first call. One contract suite holds for all.
    """

    @property
    def name(self) -> str:
        """Name in messages and settings."""
        ...

    def head(self) -> ChainHead | None:
        """The newest event, durable where the sink is; None if there is none. Must not read the whole log."""
        ...

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store linked events if the newest stored one is `expected`; Conflict, and nothing stored, if not.

        When it returns, the events are durable (unless the sink was made as a copy). After an error none of
        them is acknowledged; after a crash a first part of them may be there.
        """
        ...

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq, between the two numbers; LogTampered where one cannot be read.

        Whichever end it begins at, it reads little of what lies outside them.
        """
        ...

    def event(self, event_id: str) -> Event | None:
        """One event."""
        ...

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The lines as they are stored and in that order, readable or not: what verification works on."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def head_moved(name: str, expected: ChainHead | None, actual: ChainHead | None) -> Conflict:
    """Return the error for an append whose condition does not hold."""
    return Conflict(
        f"the log's sink {name} was not appended to",
        why=f"its newest event is {actual.seq if actual else 0}, not {expected.seq if expected else 0}",
        next_step="read the head and try again",
        code="log-head-moved",
        expected=expected.seq if expected else 0,
        found=actual.seq if actual else 0,
    )


def cut_off(name: str, error: KarmaError) -> StoreError:
    """The error of an append in several parts, of which some are stored and the next one is not.

    No Conflict: the caller must not append the same events again.
    """
    return StoreError(
        f"the log's sink {name} took only a first part of an append",
        why=error.why,
        next_step="run the command again; what was to be logged has not been done",
        code="log-append-cut-off",
    )
