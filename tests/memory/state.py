"""The state store in memory, for tests and trials. Threads may share it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from threading import RLock
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from karma_adapters import state_rows
from karma_adapters.state_rules import (
    applied_twice,
    completes_apply,
    document_moved,
    lease_held,
    lease_lost,
    system_clock,
)
from karma_core import ports
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Lease, Run, StateRow

_Kept = TypeVar("_Kept", Run, JournalEntry, Applied, Document)


class MemoryState:
    """`ports.StateStore` in dictionaries. Records pass through JSON on their way in and out, as in a file."""

    def __init__(self, *, clock: ports.Clock = system_clock) -> None:
        self._clock = clock
        self._lock = RLock()
        self._fence = 0
        self._leases: dict[str, Lease] = {}
        self._runs: dict[str, Run] = {}
        self._generations: dict[str, int] = {}
        self._journal: list[JournalEntry] = []
        self._completed: set[tuple[str, int]] = set()
        self._applied: dict[str, Applied] = {}
        self._applied_revision = "0"
        self._documents: dict[tuple[str, str], Document] = {}
        self._head: ChainHead | None = None
        self._secrets: dict[str, bytes] = {}

    # -- leases -----------------------------------------------------------------------------------

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none; LeaseHeld where one is held, also by the same holder."""
        with self._lock:
            unique = set(names)
            wanted = tuple(sorted(unique))
            held = [lease for lease in self.leases() if lease.names[0] in unique]
            if held:
                raise lease_held(held)
            self._fence += 1
            expires_at = self._now() + seconds
            lease = Lease(
                names=wanted, holder=holder, token=self._fence, expires_at=expires_at, seconds=seconds
            )
            self._hold(lease)
            return lease

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease unless every name is still held under this token."""
        with self._lock:
            under_token = [held for held in self._leases.values() if held.token == lease.token]
            if len(under_token) != len(lease.names):
                raise lease_lost(lease)
            longer = replace(lease, expires_at=self._now() + seconds, seconds=seconds)
            self._hold(longer)
            return longer

    def release(self, lease: Lease) -> None:
        """Give back what is still held under this token."""
        with self._lock:
            self._leases = {name: held for name, held in self._leases.items() if held.token != lease.token}

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, one a name, by name."""
        with self._lock:
            now = self._now()
            return tuple(lease for _, lease in sorted(self._leases.items()) if lease.expires_at > now)

    def fence(self) -> int:
        """The newest token that was granted; 0 before the first."""
        with self._lock:
            return self._fence

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on."""
        with self._lock:
            self._fence = max(self._fence, token)

    def _hold(self, lease: Lease) -> None:
        for name in lease.names:
            self._leases[name] = replace(lease, names=(name,))

    def _now(self) -> float:
        return self._clock().timestamp()

    # -- runs -------------------------------------------------------------------------------------

    def put_run(self, run: Run) -> None:
        """Insert or replace by id."""
        with self._lock:
            self._runs[run.id] = _copied(run)

    def run(self, run_id: str) -> Run | None:
        """One run."""
        stored = self._runs.get(run_id)
        return _copied(stored) if stored else None

    def runs(self, *, limit: int = 100) -> tuple[Run, ...]:
        """Newest first, by start and id."""
        with self._lock:
            newest_first = sorted(self._runs.values(), key=lambda run: (run.started_at, run.id), reverse=True)
        return tuple(map(_copied, newest_first[:limit]))

    # -- journal and applied records --------------------------------------------------------------

    def next_generation(self, address: str) -> int:
        """A new, higher generation of a component, from 1."""
        with self._lock:
            self._generations[address] = self._generations.get(address, 0) + 1
            return self._generations[address]

    def journal(
        self, entry: JournalEntry, *, applied: Applied | None = None, forget: str | None = None
    ) -> None:
        """Append an entry and store or drop an applied record; Conflict for a second succeeded apply."""
        with self._lock:
            if completes_apply(entry):
                once = (entry.address, entry.generation)
                if once in self._completed:
                    raise applied_twice(entry)
                self._completed.add(once)
            self._journal.append(_copied(entry))
            if applied is not None:
                self._applied[applied.address] = _copied(applied)
            if forget is not None:
                self._applied.pop(forget, None)
            if applied is not None or forget is not None:
                self._applied_revision = secrets.token_hex(8)

    def entries(self, *, run_id: str | None = None, address: str | None = None) -> tuple[JournalEntry, ...]:
        """Entries of a run, a component, both or all, in the order they were written."""
        with self._lock:
            return tuple(
                _copied(entry)
                for entry in self._journal
                if run_id in {None, entry.run_id} and address in {None, entry.address}
            )

    def applied(self, address: str) -> Applied | None:
        """The applied record of a component."""
        record = self._applied.get(address)
        return _copied(record) if record else None

    def all_applied(self) -> dict[str, Applied]:
        """All applied records, by address."""
        with self._lock:
            return {address: _copied(record) for address, record in sorted(self._applied.items())}

    def applied_revision(self) -> str:
        """A token that changes whenever an applied record does; `0` before the first."""
        return self._applied_revision

    # -- documents --------------------------------------------------------------------------------

    def put_document(
        self, kind: str, document_id: str, body: dict[str, Any], *, revision: int | None = None
    ) -> int:
        """Write and return the new revision; Conflict unless `revision` (0: new) is the stored one."""
        with self._lock:
            stored = self._documents.get((kind, document_id))
            current = stored.revision if stored else 0
            if revision is not None and revision != current:
                raise document_moved(kind, document_id, revision, current)
            document = Document(kind=kind, id=document_id, body=body, revision=current + 1)
            self._documents[kind, document_id] = _copied(document)
            return current + 1

    def document(self, kind: str, document_id: str) -> Document | None:
        """One document."""
        stored = self._documents.get((kind, document_id))
        return _copied(stored) if stored else None

    def documents(self, kind: str) -> tuple[Document, ...]:
        """All of a kind, by id."""
        with self._lock:
            return tuple(
                _copied(document) for key, document in sorted(self._documents.items()) if key[0] == kind
            )

    # -- the log's head, secrets ------------------------------------------------------------------

    def chain_head(self) -> ChainHead | None:
        """The log's newest event as last said by `move_chain_head`."""
        return self._head

    def move_chain_head(self, head: ChainHead) -> None:
        """Move the head forward; a head that is not newer is ignored."""
        with self._lock:
            if self._head is None or head.seq > self._head.seq:
                self._head = head

    def reset_chain_head(self, head: ChainHead | None) -> None:
        """Put the head where it is said, or take it away."""
        with self._lock:
            self._head = head

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at the first call, the same ever after."""
        with self._lock:
            return self._secrets.setdefault(name, secrets.token_bytes(32))

    # -- copies -----------------------------------------------------------------------------------

    def copy_out(self) -> Iterator[StateRow]:
        """Everything but the leases, as it is now."""
        with self._lock:
            rows = [state_rows.run_row(run) for _, run in sorted(self._runs.items())]
            rows += [state_rows.generation_row(*one) for one in sorted(self._generations.items())]
            rows += [state_rows.entry_row(entry) for entry in self._journal]
            rows += [state_rows.applied_row(one) for _, one in sorted(self._applied.items())]
            rows += [state_rows.document_row(one) for _, one in sorted(self._documents.items())]
            rows += [state_rows.secret_row(*one) for one in sorted(self._secrets.items())]
            rows += [state_rows.head_row(self._head)] if self._head else []
            rows += [state_rows.fence_row(self._fence)] if self._fence else []
        return iter(rows)

    def copy_in(self, rows: Iterable[StateRow]) -> None:
        """Replace everything but the leases."""
        found = state_rows.contents(rows)
        with self._lock:
            self._runs = {run.id: run for run in found.runs}
            self._generations = found.generations
            self._journal = found.journal
            self._completed = {(e.address, e.generation) for e in found.journal if completes_apply(e)}
            self._applied = {one.address: one for one in found.applied}
            self._applied_revision = secrets.token_hex(8)
            self._documents = {(one.kind, one.id): one for one in found.documents}
            self._secrets = found.secrets
            self._head = found.head
            self._fence = max(self._fence, found.fence)

    def close(self) -> None:
        """Nothing is held."""


def _copied(record: _Kept) -> _Kept:
    return msgspec.json.decode(msgspec.json.encode(record), type=type(record))
