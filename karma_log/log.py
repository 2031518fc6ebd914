"""The log of one environment: one required sink that orders, copies that follow, a head in the state store.

An append links the events on to the newest one, stores them in the required sink on the condition that it is
still the newest, moves the head in the state store, and brings the copies up. If the required sink fails, so
does the append, and the caller must not do what it wanted to log. A copy that fails is said and catches up
later.

A process that dies between the required sink and the head leaves events newer than the head. They are taken
in once they are seen to link on; anything else that differs from the head is tampering.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Final

import msgspec

from karma_core.errors import Conflict, LogTampered, StoreUnavailable
from karma_core.json_types import JsonObject
from karma_core.ports import Say, StateStore
from karma_core.records import ChainHead, Event
from karma_log import chain, copying, doubt, filters, read
from karma_log.copies import Copy
from karma_log.read import LogDiff
from karma_log.redact import Redactor
from karma_log.sinks.base import Sink
from karma_log.verify import LogVerification, verify_log

_APPEND_SECONDS: Final = 30.0
"""How long an append tries against faster writers. Ours: thousands of appends at 5 ms each."""


def _say_nothing(_event: str, _facts: JsonObject) -> None:
    pass


class Log:
    """`ports.EventLog` over sinks, with the chain's head in the state store.

    Threads may share one, and processes may each have one over the same files.
    Every event passes the redactor before it is linked. `say` hears `log_copy_behind`, when a copy could not
    be brought up, and `log_head_healed`, when verification moved the head.
    """

    def __init__(
        self,
        required: Sink,
        state: StateStore,
        *,
        copies: Sequence[Sink] = (),
        redactor: Redactor | None = None,
        say: Say = _say_nothing,
    ) -> None:
        self._required = required
        self._state = state
        self._copies = [Copy(sink, required, say) for sink in copies]
        self._redactor = redactor or Redactor()
        self._say = say
        self._lock = Lock()
        self._newest: ChainHead | None = None
        self._newest_known = False

    # -- writing ----------------------------------------------------------------------------------

    def append(self, event: Event) -> Event:
        """Store the event durably and return it, redacted, with seq, prev and hash.

        An error of the required sink or of the state store is raised: whatever the event is the intent of
        must then not happen. LogTampered where the log does not agree with the head.
        """
        return self.append_all([event])[0]

    def append_all(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Store events as `append` does, all in one step."""
        clean = [self._prepared(event) for event in events]
        if not clean:
            return ()
        with self._lock:
            before, linked = self._append_required(clean)
            self._newest, self._newest_known = chain.head_of(linked[-1]), True
            self._state.move_chain_head(self._newest)
        for copy in self._copies:
            copy.follow(before, linked)
        return linked

    def catch_up(self) -> bool:
        """Bring every copy up with the required sink; whether all are."""
        newest = self._required.head()
        if newest is None:
            return True
        last = next(iter(self._required.read(newest_first=True)))
        before = ChainHead(seq=last.seq - 1, hash=last.prev) if last.seq > 1 else None
        followed = [copy.follow(before, [last]) for copy in self._copies]
        return all(followed)

    def _prepared(self, event: Event) -> Event:
        if not filters.is_instant(event.timestamp):
            event = msgspec.structs.replace(event, timestamp=filters.instant(event.timestamp))
        return self._redactor.event(event)

    def _append_required(self, events: Sequence[Event]) -> tuple[ChainHead | None, tuple[Event, ...]]:
        """Store the events in the required sink; (the head before them, the linked events)."""
        deadline = time.monotonic() + _APPEND_SECONDS
        while True:
            before = self._newest if self._newest_known else self._settle()
            # Whatever goes wrong now, the newest event has to be read again.
            self._newest_known = False
            linked = chain.link(events, before)
            try:
                self._required.append(linked, before)
            except Conflict as error:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        "the log could not be appended to",
                        why=f"other writers were faster for {_APPEND_SECONDS:.0f} seconds",
                        next_step="try again when fewer runs are under way",
                        code="log-busy",
                    ) from error
            else:
                return before, linked

    def _settle(self) -> ChainHead | None:
        """Return the required sink's newest event, checked to be the head or to follow from it.

        The head itself is left to the append that asks, which moves it anyway.
        """
        head = self._state.chain_head()  # first: a sink read later can only be further on
        newest = self._required.head()
        if newest == head:
            return head
        if head is not None and (newest is None or newest.seq <= head.seq):
            raise _tampered(f"it ends at event {newest.seq if newest else 0}, the head is event {head.seq}")
        stored = self._required.stored(after_seq=head.seq if head else 0)
        verified = chain.verify_lines(stored, after=head)
        if verified.problems:
            raise _tampered(verified.problems[0].what)
        return verified.last

    # -- reading ----------------------------------------------------------------------------------

    def events(
        self,
        *,
        component: str | None = None,
        action: str | None = None,
        user: str | None = None,
        run_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after_seq: int = 0,
        before_seq: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq, between `after_seq` and `before_seq`, both left out.

        `action` may be a prefix ending in `*`; times are inclusive.
        """
        query = filters.make_filter(
            component=component, action=action, user=user, run_id=run_id, since=since, until=until
        )
        events = self._required.read(
            query, after_seq=after_seq, before_seq=before_seq, newest_first=newest_first
        )
        return islice(events, limit)

    def event(self, event_id: str) -> Event | None:
        """One event."""
        return self._required.event(filters.check_text(event_id))

    def diff(self, one: str, other: str) -> LogDiff:
        """Return the history of each component between two times."""
        return read.diff(self._required, one, other)

    def verify(self) -> LogVerification:
        """Check all sinks; where events are newer than the head and link on, move the head to them."""
        head = self._state.chain_head()
        verification = verify_log(self._required, [copy.sink for copy in self._copies], head)
        last = verification.required.last
        if verification.required.verified and last is not None and (head is None or last.seq > head.seq):
            self._required.head()  # makes durable what a killed writer left, before the head names it
            self._state.move_chain_head(last)
            self._say("log_head_healed", {"seq": last.seq, "from_seq": head.seq if head else 0})
        return verification

    # -- doubts ------------------------------------------------------------------------------------

    def doubt(self) -> str:
        """Why the log does not agree with its head; empty where it does, or goes on from it."""
        try:
            self._settle()
        except LogTampered as error:
            return error.why
        return ""

    def accept(self) -> str:
        """Bring back what a whole copy has of it; else put the head where the log's own chain ends."""
        head = self._state.chain_head()
        with self._lock:
            self._newest, self._newest_known = None, False
            name = ""
            if head is not None:
                name = doubt.restored_from(self._required, [copy.sink for copy in self._copies], head)
            if name:
                return f"what was missing was brought back from the copy {name}"
            newest = doubt.newest_of_intact(self._required)
            self._state.reset_chain_head(newest)
        return f"it goes on from event {newest.seq}" if newest else "it begins anew"

    # -- copies of the whole log -------------------------------------------------------------------

    def copy_out(self, through: int) -> Iterator[bytes]:
        """The required sink's events up to that number, as lines; LogTampered."""
        return copying.copy_out(self._required, through)

    def check_copy(self, lines: Iterable[bytes]) -> int:
        """The number of a copied log's last event; LogTampered."""
        return copying.check_copy(lines)

    def copy_in(self, lines: Iterable[bytes]) -> None:
        """Append to the required sink what it lacks of a copied log. The head moves with the next append."""
        with self._lock:
            copying.copy_in(self._required, lines)
            self._newest, self._newest_known = None, False

    def close(self) -> None:
        """Close the sinks. The state store is the caller's."""
        for sink in (self._required, *(copy.sink for copy in self._copies)):
            sink.close()


def _tampered(why: str) -> LogTampered:
    return LogTampered(
        "the log does not agree with its head in the state store",
        why=why,
        next_step="run `karma log verify`; restore it from a backup; or `karma doctor --accept store:log` "
        "brings it back from a copy, or takes it as it is",
    )
