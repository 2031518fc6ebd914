"""A log that does not agree with its head in the state store, and the way out of it."""

from __future__ import annotations

from collections.abc import Iterable

from karma_core.errors import KarmaError, LogTampered
from karma_core.records import ChainHead
from karma_log import chain, copying
from karma_log.sinks.base import Sink


def restored_from(required: Sink, copies: Iterable[Sink], head: ChainHead) -> str:
    """Append to the required sink what it lacks, from a copy whose chain reaches the head; that copy's name.

    Empty where no copy has all of it, or the required sink is no beginning of one that has.
    """
    for copy in copies:
        try:
            if _reaches(copy, head):
                copying.copy_in(required, copying.copy_out(copy, head.seq))
                return copy.name
        except KarmaError:
            continue  # the next copy may be whole
    return ""


def _reaches(copy: Sink, head: ChainHead) -> bool:
    """Whether the copy's chain is intact up to the head's event, and that is the one that the head names."""
    last = None
    for raw in copying.copy_out(copy, head.seq):
        last = raw
    if last is None:
        return False
    event = chain.read_line(last, where=f"the last line of {copy.name}")
    return chain.head_of(event) == head


def newest_of_intact(required: Sink) -> ChainHead | None:
    """The newest event of a sink whose whole chain is intact; LogTampered, which says what to move away."""
    verified = chain.verify_lines(required.stored())
    if verified.problems:
        raise LogTampered(
            f"the log's sink {required.name} cannot be taken as it is",
            why=verified.problems[0].what,
            next_step="restore it from a backup; or move its file or table away, and accept that it is gone",
        )
    return verified.last
