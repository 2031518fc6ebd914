"""The state store in one SQLite file: every write is one transaction, synced before the call returns.

The file holds the environment's secret, so it has mode 0600. It may be used by several threads and processes.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from karma_adapters.sqlite import leases as sqlite_leases
from karma_adapters.sqlite import state_copy
from karma_adapters.sqlite.connection import check_row, damaged, open_database
from karma_adapters.sqlite.leases import SqliteLeases
from karma_adapters.state_rules import applied_twice, completes_apply, document_moved, system_clock
from karma_core import ports
from karma_core.decoding import decode
from karma_core.exact_numbers import encode
from karma_core.json_types import JsonObject
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Lease, Run, StateRow

_SCHEMA: Final = (
    *sqlite_leases.SCHEMA,
    "CREATE TABLE runs (id TEXT PRIMARY KEY, started_at TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX runs_started ON runs (started_at, id)",
    "CREATE TABLE generations (address TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE journal (
        position INTEGER PRIMARY KEY, run_id TEXT NOT NULL, address TEXT NOT NULL,
        generation INTEGER NOT NULL, completes_apply INTEGER NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX journal_run ON journal (run_id)",
    "CREATE INDEX journal_address ON journal (address)",
    "CREATE UNIQUE INDEX journal_once ON journal (address, generation) WHERE completes_apply",
    "CREATE TABLE applied (address TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE applied_revision (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL)",
    """CREATE TABLE documents (
        kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    )""",
    """CREATE TABLE chain (
        one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL
    )""",
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    *sqlite_leases.LATER,
    "CREATE INDEX applied_kept ON applied (address)",
)

_KEPT: Final = "FROM applied INDEXED BY applied_kept"
"""The index says a second time which records there are: a damaged page could hide one."""
_ALL_APPLIED: Final = (
    "SELECT address, NULL FROM applied INDEXED BY applied_kept"
    " UNION ALL SELECT address, body FROM applied NOT INDEXED"
)
"""One statement: both are read at one moment."""
_Stored = TypeVar("_Stored")

_encode = encode


class SqliteState:
    """`ports.StateStore` in the database `path`, made when needed."""

    def __init__(self, path: Path, *, clock: ports.Clock = system_clock) -> None:
        self._path = path
        self._database = open_database(path, _SCHEMA)
        self._leases = SqliteLeases(self._database, clock, path)

    # -- leases -----------------------------------------------------------------------------------

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none; LeaseHeld where one is held, also by the same holder."""
        return self._leases.acquire(names, holder, seconds)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease unless every name is still held under this token."""
        return self._leases.renew(lease, seconds)

    def release(self, lease: Lease) -> None:
        """Release the names that are still held under this token."""
        self._leases.release(lease)

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, one a name, by name."""
        return self._leases.leases()

    def fence(self) -> int:
        """The newest token that was granted; 0 before the first."""
        return self._leases.fence()

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on."""
        self._leases.raise_fence(token)

    # -- runs -------------------------------------------------------------------------------------

    def put_run(self, run: Run) -> None:
        """Insert or replace by id."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO runs (id, started_at, body) VALUES (?, ?, ?)",
                (run.id, run.started_at, _encode(run)),
            )

    def run(self, run_id: str) -> Run | None:
        """One run."""
        row = self._database.row("SELECT body FROM runs WHERE id = ?", (run_id,))
        return self._decoded(row[0], Run) if row else None

    def runs(self, *, limit: int = 100) -> tuple[Run, ...]:
        """Newest first, by start and id."""
        sql = "SELECT body FROM runs ORDER BY started_at DESC, id DESC LIMIT ?"
        return tuple(self._decoded(body, Run) for (body,) in self._database.rows(sql, (limit,)))

    # -- journal and applied records --------------------------------------------------------------

    def next_generation(self, address: str) -> int:
        """A new, higher generation of a component, from 1."""
        sql = """INSERT INTO generations VALUES (?, 1)
            ON CONFLICT (address) DO UPDATE SET value = value + 1 RETURNING value"""
        row = self._database.row(sql, (address,))
        check_row(self._path, "a generation", row, (int,))
        return int(row[0])

    def journal(
        self, entry: JournalEntry, *, applied: Applied | None = None, forget: str | None = None
    ) -> None:
        """Append an entry and, in the same transaction, store an applied record or drop one.

        Conflict `applied-twice`, and nothing is written, for a second succeeded apply of a generation.
        """
        with self._database.write() as connection:
            try:
                connection.execute(
                    """INSERT INTO journal (run_id, address, generation, completes_apply, body)
                    VALUES (?, ?, ?, ?, ?)""",
                    (entry.run_id, entry.address, entry.generation, completes_apply(entry), _encode(entry)),
                )
            except sqlite3.IntegrityError as error:
                raise applied_twice(entry) from error
            if applied is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO applied VALUES (?, ?)", (applied.address, _encode(applied))
                )
            if forget is not None:
                connection.execute("DELETE FROM applied WHERE address = ?", (forget,))
            if applied is not None or forget is not None:
                # Random, not counted: a file restored from a backup must not say an old number again.
                connection.execute(
                    "INSERT OR REPLACE INTO applied_revision VALUES (1, ?)", (secrets.token_hex(8),)
                )

    def entries(self, *, run_id: str | None = None, address: str | None = None) -> tuple[JournalEntry, ...]:
        """Entries of a run, a component, both or all, in the order they were written."""
        wanted = {"run_id = ?": run_id, "address = ?": address}
        given = {condition: value for condition, value in wanted.items() if value is not None}
        # The conditions are the two fixed texts above; every value is a parameter.
        sql = f"SELECT body FROM journal WHERE {' AND '.join(given) or 'TRUE'} ORDER BY position"  # noqa: S608
        return tuple(
            self._decoded(body, JournalEntry) for (body,) in self._database.rows(sql, tuple(given.values()))
        )

    def applied(self, address: str) -> Applied | None:
        """The applied record of a component."""
        sql = "SELECT body FROM applied NOT INDEXED WHERE address = ?"
        row = self._database.row(sql, (address,))
        if row is None and self._database.row(f"SELECT address {_KEPT} WHERE address = ?", (address,)):
            row = self._database.row(sql, (address,))  # it may have been written just now
            if row is None:
                raise damaged(self._path, f"the applied record of {address}", "its row is gone")
        return self._applied(address, row[0]) if row else None

    def all_applied(self) -> dict[str, Applied]:
        """All applied records, by address."""
        rows = self._database.rows(_ALL_APPLIED)
        kept = [address for address, body in rows if body is None]
        records = {}
        for address, body in rows[len(kept) :]:
            check_row(self._path, "the address of an applied record", (address,), (str,))
            records[address] = self._applied(address, body)
        if sorted(records) != sorted(map(str, kept)):
            raise damaged(self._path, "the applied records", "their index has others than their table")
        return records

    def _applied(self, address: str, body: bytes) -> Applied:
        record = self._decoded(body, Applied)
        if record.address != address:
            raise damaged(self._path, f"the applied record of {address}", f"it is of {record.address}")
        return record

    def applied_revision(self) -> str:
        """A token that changes whenever an applied record does; `0` before the first."""
        row = self._database.row("SELECT value FROM applied_revision")
        return str(row[0]) if row else "0"

    # -- documents --------------------------------------------------------------------------------

    def put_document(
        self, kind: str, document_id: str, body: JsonObject, *, revision: int | None = None
    ) -> int:
        """Write and return the new revision; Conflict unless `revision` (0: new) is the stored one."""
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT revision FROM documents WHERE kind = ? AND id = ?", (kind, document_id)
            ).fetchone()
            if row is not None:
                check_row(self._path, f"the revision of {kind} {document_id}", row, (int,))
            current = row[0] if row else 0
            if revision is not None and revision != current:
                raise document_moved(kind, document_id, revision, current)
            connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                (kind, document_id, current + 1, _encode(body)),
            )
        return current + 1

    def document(self, kind: str, document_id: str) -> Document | None:
        """One document."""
        sql = "SELECT id, revision, body FROM documents WHERE kind = ? AND id = ?"
        row = self._database.row(sql, (kind, document_id))
        return self._document(kind, row) if row else None

    def documents(self, kind: str) -> tuple[Document, ...]:
        """All of a kind, by id."""
        sql = "SELECT id, revision, body FROM documents WHERE kind = ? ORDER BY id"
        return tuple(self._document(kind, row) for row in self._database.rows(sql, (kind,)))

    # -- the log's head, secrets ------------------------------------------------------------------

    def chain_head(self) -> ChainHead | None:
        """The log's newest event as last said by `move_chain_head`."""
        row = self._database.row("SELECT seq, hash FROM chain")
        if row is None:
            return None
        check_row(self._path, "the log's head", row, (int, str))
        return ChainHead(seq=row[0], hash=row[1])

    def move_chain_head(self, head: ChainHead) -> None:
        """Move the head forward; a head that is not newer is ignored."""
        sql = """INSERT INTO chain VALUES (1, ?, ?)
            ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
            WHERE excluded.seq > seq"""
        self._database.rows(sql, (head.seq, head.hash))

    def reset_chain_head(self, head: ChainHead | None) -> None:
        """Put the head where it is said, or take it away."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM chain")
            if head is not None:
                connection.execute("INSERT INTO chain VALUES (1, ?, ?)", (head.seq, head.hash))

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at the first call, the same ever after."""
        row = self._database.row("SELECT value FROM secrets WHERE name = ?", (name,))
        if row is None:
            sql = "INSERT OR IGNORE INTO secrets VALUES (?, ?)"
            self._database.rows(sql, (name, secrets.token_bytes(32)))
            row = self._database.row("SELECT value FROM secrets WHERE name = ?", (name,))
        check_row(self._path, "a secret", row, (bytes,))
        return bytes(row[0])

    # -- copies -----------------------------------------------------------------------------------

    def copy_out(self) -> Iterator[StateRow]:
        """Everything but the leases, as it is at one moment, over a connection of its own."""
        database = open_database(self._path, _SCHEMA)
        try:
            yield from state_copy.copy_out(database, self._decoded)
        finally:
            database.close()

    def copy_in(self, rows: Iterable[StateRow]) -> None:
        """Replace everything but the leases, in one transaction."""
        state_copy.copy_in(self._database, rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _document(self, kind: str, row: tuple[str, int, bytes]) -> Document:
        document_id, revision, body = row
        check_row(self._path, f"a document {kind}", (document_id, revision), (str, int))
        return Document(kind=kind, id=document_id, body=self._decoded(body, JsonObject), revision=revision)

    def _decoded(self, body: bytes, kind: type[_Stored]) -> _Stored:
        """A stored body as its record; StoreError where it was damaged (SQLite checks no content)."""
        try:
            return decode(body, kind)
        except (msgspec.MsgspecError, UnicodeError, TypeError, RecursionError) as error:
            raise damaged(self._path, f"a stored {kind.__name__}", error) from error
