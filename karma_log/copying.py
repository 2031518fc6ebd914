"""A log's events as lines for a backup, and back into a sink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from karma_core.errors import LogTampered, Refused
from karma_core.records import ChainHead
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.sinks.base import Sink

_BATCH: Final = 500
"""Events in one append. Ours: some hundred kilobytes in memory."""


def copy_out(sink: Sink, through: int) -> Iterator[bytes]:
    """The lines of the events up to that number; LogTampered at the first that does not verify."""
    checked = chain.Checking()
    for stored in sink.stored():
        if stored.torn:
            return
        _raise_first(checked.take(stored))
        if checked.seq > through:
            return
        yield stored.raw


def check_copy(lines: Iterable[bytes]) -> int:
    """The number of the last event; LogTampered where the chain does not verify."""
    checked = chain.Checking()
    for number, raw in enumerate(lines, 1):
        _raise_first(checked.take(StoredLine(raw=raw, place=f"line {number} of the copied log")))
    return checked.seq


def copy_in(sink: Sink, lines: Iterable[bytes]) -> None:
    """Append the lines that the sink does not have; Refused `log-diverged` where it has others."""
    have = sink.head()
    rest = iter(lines)
    if have is not None:
        last = _last_shared(sink, have, rest)
        if last < have.seq:
            return  # the sink's own log goes on behind the copied one
    while batch := [chain.read_line(raw, where="the copied log") for raw in islice(rest, _BATCH)]:
        sink.append(batch, have)
        have = chain.head_of(batch[-1])


def _last_shared(sink: Sink, have: ChainHead, rest: Iterator[bytes]) -> int:
    """Take the copied events up to the sink's newest one; the number of the last, which both have."""
    last = None
    for raw in islice(rest, have.seq):
        last = chain.read_line(raw, where="the copied log")
    if last is None:
        return 0
    beside = next(iter(sink.read(after_seq=last.seq - 1)), None)
    if beside is None or beside.hash != last.hash:
        raise Refused(
            "the copied log is not this environment's",
            why=f"event {last.seq} of the log differs from the copied one: neither begins with the other",
            next_step="move the log's stores away if the copied log is the right one, then restore again",
            code="log-diverged",
            seq=last.seq,
        )
    return last.seq


def _raise_first(problem: chain.Problem | None) -> None:
    if problem is not None:
        raise LogTampered(
            "the log does not verify",
            why=problem.what,
            next_step="run `karma log verify`; restore the log from another sink or another backup",
        )
