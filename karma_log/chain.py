"""The hash chain: canonical form, hash and link of an event, and the check of a whole chain.

An event's hash is SHA-256 over the canonical bytes of all its fields but `hash`; these include `seq` (from
1, without gaps) and `prev` (the hash before it, `""` for the first). Sinks store the canonical line of the
whole event. Verification works on the stored bytes: a line must be exactly the canonical form of what it
says, so that no byte of it can change unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from karma_core import strictjson
from karma_core.decoding import convert
from karma_core.errors import BadInput, LogTampered
from karma_core.exact_numbers import exact
from karma_core.json_types import JsonObject
from karma_core.model import Record, to_builtins
from karma_core.records import ChainHead, Event

GENESIS: Final = ""
"""`prev` of the first event."""

_decode_event = msgspec.json.Decoder(Event, float_hook=exact).decode
_decode_any = msgspec.json.Decoder(float_hook=exact).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
_UNWRITABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


class StoredLine(Record, frozen=True, kw_only=True):
    """One line as a sink holds it.

    `place` names it for people (`line 7`), `seq` is the number that it is stored under, where the sink has
    such a key. `torn` marks the rest of a write that a crash cut short: it was never acknowledged.
    """

    raw: bytes
    place: str
    seq: int | None = None
    torn: bool = False


class Problem(Record, frozen=True, kw_only=True):
    """One thing that is wrong with a chain.

    `kind` is altered, missing, reordered, duplicate, unlinked, cut-off, head-differs, ahead, diverged or
    index.
    """

    kind: str
    what: str
    seq: int | None = None
    id: str | None = None


class Verification(Record, frozen=True, kw_only=True):
    """The result of checking one chain.

    `notes` are facts that are no problem (a torn last line). `last` is the newest event that was read,
    `newer` how many events lie behind the given head: a writer died before it could move the head.
    `unended` is the number of an event that stands whole in a torn line: its newline alone is missing.
    """

    verified: bool
    events: int
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    last: ChainHead | None = None
    newer: int = 0
    unended: int | None = None


def line(event: Event) -> bytes:
    """The event as sinks store it: canonical JSON, no newline."""
    return strictjson.canonical(to_builtins(event))


def event_hash(event: Event) -> str:
    """`sha256:<hex>` over the canonical bytes of all fields but `hash`."""
    return _hash(to_builtins(event))


def head_of(event: Event) -> ChainHead:
    """The chain's head where `event` is its newest."""
    return ChainHead(seq=event.seq, hash=event.hash)


def link(events: Sequence[Event], head: ChainHead | None) -> tuple[Event, ...]:
    """The events with seq, prev and hash, chained on to `head` (None: an empty chain).

    BadInput `event` where a value has no JSON form (half a surrogate pair, a number too long).
    """
    seq, prev = (head.seq, head.hash) if head else (0, GENESIS)
    linked = []
    for event in events:
        seq += 1
        try:
            document = to_builtins(event) | {"seq": seq, "prev": prev}
            digest = _hash(document)
        except _UNWRITABLE as error:
            raise BadInput(
                f"event {event.action} cannot be written to the log",
                why=f"a value in it has no JSON form: {error}",
                next_step="give only JSON values, text in valid Unicode, and shorter numbers",
                code="event",
            ) from error
        linked.append(msgspec.structs.replace(event, seq=seq, prev=prev, hash=digest))
        prev = digest
    return tuple(linked)


def read_line(raw: bytes, *, where: str) -> Event:
    """The event in a stored line; LogTampered if it cannot be read. Says nothing of its hash."""
    try:
        return _decode_event(raw)
    except _UNREADABLE as error:
        raise LogTampered(
            f"{where} of the log cannot be read as an event",
            why=str(error),
            next_step="run `karma log verify`, and compare with another sink or a backup",
        ) from error


def verify(events: Iterable[Event], head: ChainHead | None = None) -> Verification:
    """Verify events in memory as `verify_lines` does."""
    return verify_lines((StoredLine(raw=line(event), place=f"event {event.seq}") for event in events), head)


def verify_lines(
    lines: Iterable[StoredLine], head: ChainHead | None = None, *, after: ChainHead | None = None
) -> Verification:
    """Check a chain in one pass and constant memory.

    It detects altered, missing, reordered and duplicate events and, against `head`, a cut-off tail. `after`
    is the event before the first line, where only the newer part is checked.
    """
    walk = _Walk(head, after)
    for stored in lines:
        walk.take(stored)
    return walk.result()


class Checking:
    """The check of a chain line by line, for whoever wants each line as soon as it is known to be intact."""

    def __init__(self) -> None:
        self._walk = _Walk(None, None)

    @property
    def seq(self) -> int:
        """The number of the last event that was taken."""
        return self._walk.seq

    def take(self, stored: StoredLine) -> Problem | None:
        """Check the next line; what is wrong with it, or None."""
        self._walk.take(stored)
        return self._walk.first_problem


def _hash(document: JsonObject) -> str:
    return strictjson.digest({name: value for name, value in document.items() if name != "hash"})


class _Walk:
    """The state of one pass: its place in the chain, and the problems so far."""

    def __init__(self, head: ChainHead | None, after: ChainHead | None) -> None:
        self._head = head
        self._seq = after.seq if after else 0
        self._hash: str | None = after.hash if after else GENESIS
        self._head_seen = head is not None and head == after
        self._events = 0
        self._missing: list[range] = []
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._unended: int | None = None

    @property
    def seq(self) -> int:
        """The number of the event that the walk has reached."""
        return self._seq

    @property
    def first_problem(self) -> Problem | None:
        """The first of the problems so far."""
        return self._problems[0] if self._problems else None

    def take(self, stored: StoredLine) -> None:
        """Check one line and step on to it."""
        if stored.torn:
            whole, _ = _intact(stored)
            self._unended = whole.seq if whole else None
            why = "a writer died in an append that was never acknowledged"
            if whole is not None:
                why = f"event {whole.seq} stands in it, and its newline is missing"
            removed = "the next append removes it"
            self._notes.append(f"{stored.place} is torn ({len(stored.raw)} bytes): {why}; {removed}")
            return
        self._events += 1
        event, fault = _intact(stored)
        if event is None:
            self._altered(stored, fault)
        elif event.seq > self._seq:
            self._step(event)
        else:
            self._behind(event)

    def result(self) -> Verification:
        """Return the verification after the last line."""
        newer = 0
        if self._head is not None:
            newer = max(0, self._seq - self._head.seq)
            self._check_head(self._head)
        if newer:
            self._notes.append(
                f"{newer} event(s) are newer than the head, as after a crash or during an append"
            )
        last = None
        if self._seq and self._hash is not None:
            last = ChainHead(seq=self._seq, hash=self._hash)
        return Verification(
            verified=not self._problems,
            events=self._events,
            problems=tuple(self._problems),
            notes=tuple(self._notes),
            last=last,
            newer=newer,
            unended=self._unended,
        )

    def _altered(self, stored: StoredLine, fault: str) -> None:
        """Take an altered line for the next one in order: nothing that it says of itself can be believed."""
        self._seq += 1
        self._hash = None
        self._problem("altered", f"{stored.place}: {fault}", self._seq, _claimed_id(stored.raw))

    def _step(self, event: Event) -> None:
        if event.seq > self._seq + 1:
            gap = range(self._seq + 1, event.seq)
            self._missing.append(gap)
            self._problem("missing", f"events {gap.start} to {gap.stop - 1} are missing", gap.start)
        elif self._hash is not None and event.prev != self._hash:
            what = f"event {event.seq} does not follow from event {self._seq}: its prev is another hash"
            self._problem("unlinked", what, event.seq, event.id)
        self._seq, self._hash = event.seq, event.hash
        if self._head == head_of(event):
            self._head_seen = True

    def _behind(self, event: Event) -> None:
        kind = "reordered" if any(event.seq in gap for gap in self._missing) else "duplicate"
        self._problem(kind, f"event {event.seq} stands after event {self._seq}", event.seq, event.id)

    def _check_head(self, head: ChainHead) -> None:
        if self._seq < head.seq:
            what = f"the log ends at event {self._seq}, but the head is {head.seq}: its tail was cut off"
            self._problem("cut-off", what, self._seq + 1)
        elif not self._head_seen:
            self._problem("head-differs", f"event {head.seq} is not the one that the head names", head.seq)

    def _problem(self, kind: str, what: str, seq: int | None, event_id: str | None = None) -> None:
        self._problems.append(Problem(kind=kind, what=what, seq=seq, id=event_id))


def _intact(stored: StoredLine) -> tuple[Event | None, str]:
    """The event of a line whose every byte is as it was written, or None and what is wrong."""
    try:
        document = _decode_any(stored.raw)
        event = convert(document, Event)
        form = strictjson.canonical(document)
        digest = _hash(document)
    except _UNREADABLE as error:
        return None, f"cannot be read as an event ({error})"
    if form != stored.raw:
        return None, "is not in canonical form"
    if digest != event.hash:
        return None, f"its content does not match its hash (seq {event.seq})"
    if stored.seq is not None and stored.seq != event.seq:
        return None, f"holds event {event.seq}, but is stored as {stored.seq}"
    return event, ""


def _claimed_id(raw: bytes) -> str | None:
    """The id that an altered line gives itself, to help a reader find it."""
    try:
        document = _decode_any(raw)
    except _UNREADABLE:
        return None
    claimed = document.get("id") if isinstance(document, dict) else None
    return claimed if isinstance(claimed, str) else None
