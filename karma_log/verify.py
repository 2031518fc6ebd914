"""Verifying a whole log: every sink's chain, against the head and against the required sink."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from karma_core.errors import KarmaError
from karma_core.model import Record
from karma_core.records import ChainHead
from karma_log import chain
from karma_log.chain import Problem, Verification
from karma_log.sinks.base import Sink


class SinkVerification(Record, frozen=True, kw_only=True):
    """The result for one sink. `behind` is how many events a copy has still to catch up."""

    sink: str
    required: bool
    result: Verification
    behind: int = 0


class LogVerification(Record, frozen=True, kw_only=True):
    """The result for a log. `verified` says that every sink is. `events` counts the required sink's."""

    verified: bool
    events: int
    sinks: tuple[SinkVerification, ...]

    @property
    def required(self) -> Verification:
        """The result of the sink that orders."""
        return self.sinks[0].result

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all sinks."""
        return tuple(problem for sink in self.sinks for problem in sink.result.problems)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all sinks."""
        return tuple(note for sink in self.sinks for note in sink.result.notes)


def verify_log(required: Sink, copies: Sequence[Sink], head: ChainHead | None) -> LogVerification:
    """Check the required sink against the head, and each copy against the required sink.

    A copy may lag; it must be a beginning of the required chain. A copy that cannot be read is a note: it
    proves nothing, and the required sink decides. Give the head as it was before the call: events that are
    appended meanwhile are then newer than it, and no problem. One pass over each sink.
    """
    # Copies first: whatever they hold, the required sink held before, unless something is wrong.
    walked = [(copy, _walk_copy(copy)) for copy in copies]
    result = _with_indexes(required, chain.verify_lines(required.stored(), head))
    sinks = [SinkVerification(sink=required.name, required=True, result=result)]
    sinks += [_against(required, result, copy, verification) for copy, verification in walked]
    return LogVerification(
        verified=all(sink.result.verified for sink in sinks), events=result.events, sinks=tuple(sinks)
    )


def _walk_copy(copy: Sink) -> Verification:
    try:
        return _with_indexes(copy, chain.verify_lines(copy.stored()))
    except KarmaError as error:
        return Verification(
            verified=True, events=0, notes=(f"the copy {copy.name} was not read: {error.what}",)
        )


def _with_indexes(sink: Sink, verification: Verification) -> Verification:
    """The result, with what the sink's indexes say otherwise than its lines."""
    faults = [
        Problem(kind="index", what=f"an index of {sink.name} differs: {fault}")
        for fault in sink.index_faults()
    ]
    if not faults:
        return verification
    return msgspec.structs.replace(verification, verified=False, problems=(*verification.problems, *faults))


def _against(
    required: Sink, required_chain: Verification, copy: Sink, verification: Verification
) -> SinkVerification:
    """Return a copy's result, with the problems from comparing it with the required chain."""
    length = required_chain.last.seq if required_chain.last else 0
    behind = 0
    if verification.last is not None:
        behind = max(0, length - verification.last.seq)
        problem = _difference(required, length, copy, verification.last)
        if problem is not None:
            verification = msgspec.structs.replace(
                verification, verified=False, problems=(*verification.problems, problem)
            )
    elif not verification.events:
        behind = length
    if verification.unended is not None and verification.unended <= length:
        what = f"the copy {copy.name} ends within event {verification.unended}: its last newline was cut off"
        problem = Problem(kind="cut-off", what=what, seq=verification.unended)
        verification = msgspec.structs.replace(
            verification, verified=False, problems=(*verification.problems, problem)
        )
    if behind:
        note = f"the copy {copy.name} is {behind} event(s) behind; it catches up at the next append"
        verification = msgspec.structs.replace(verification, notes=(*verification.notes, note))
    return SinkVerification(sink=copy.name, required=False, result=verification, behind=behind)


def _difference(required: Sink, length: int, copy: Sink, last: ChainHead) -> Problem | None:
    """Return the problem between the copy's newest event and the required sink's of the same number.

    Equal hashes there mean equal chains up to there.
    """
    if last.seq > length:
        what = f"the copy {copy.name} has event {last.seq}, the required sink ends at {length}"
        return Problem(kind="ahead", what=what, seq=length + 1)
    beside = next(iter(required.read(after_seq=last.seq - 1)), None)
    if beside is None or beside.hash != last.hash:
        what = f"event {last.seq} of the copy {copy.name} is not the required sink's"
        return Problem(kind="diverged", what=what, seq=last.seq)
    return None
