"""A state database's rows, all of one moment, and a state database made of rows, in one transaction."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeVar

from karma_adapters import state_rows
from karma_adapters.sqlite.connection import Database
from karma_adapters.state_rows import Contents
from karma_adapters.state_rules import completes_apply
from karma_core.exact_numbers import encode
from karma_core.json_types import JsonObject
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Run, StateRow

_Stored = TypeVar("_Stored")


class Decode(Protocol):
    """A stored body as its record; StoreError where it was damaged."""

    def __call__(self, body: bytes, kind: type[_Stored], /) -> _Stored:
        """The record."""
        ...


_TABLES: Final = ("runs", "generations", "journal", "applied", "documents", "chain", "secrets")
_encode = encode


def copy_out(database: Database, decode: Decode) -> Iterator[StateRow]:
    """Everything but the leases. One read transaction; the database must be used for nothing else."""
    database.rows("BEGIN")
    try:
        yield from _rows(database, decode)
    finally:
        database.rows("ROLLBACK")


def _rows(database: Database, decode: Decode) -> Iterator[StateRow]:
    for (body,) in database.stream("SELECT body FROM runs ORDER BY id"):
        yield state_rows.run_row(decode(body, Run))
    for address, value in database.stream("SELECT address, value FROM generations ORDER BY address"):
        yield state_rows.generation_row(address, value)
    for (body,) in database.stream("SELECT body FROM journal ORDER BY position"):
        yield state_rows.entry_row(decode(body, JournalEntry))
    for (body,) in database.stream("SELECT body FROM applied ORDER BY address"):
        yield state_rows.applied_row(decode(body, Applied))
    for kind, name, revision, body in database.stream(
        "SELECT kind, id, revision, body FROM documents ORDER BY kind, id"
    ):
        document = Document(kind=kind, id=name, body=decode(body, JsonObject), revision=revision)
        yield state_rows.document_row(document)
    for name, value in database.stream("SELECT name, value FROM secrets ORDER BY name"):
        yield state_rows.secret_row(name, bytes(value))
    for seq, digest in database.stream("SELECT seq, hash FROM chain"):
        yield state_rows.head_row(ChainHead(seq=seq, hash=digest))
    for (token,) in database.stream("SELECT token FROM fence WHERE token > 0"):
        yield state_rows.fence_row(token)


def copy_in(database: Database, rows: Iterable[StateRow]) -> None:
    """Replace everything but the leases, or nothing."""
    contents = state_rows.contents(rows)
    with database.write() as connection:
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        _insert(connection, contents)
        connection.execute("UPDATE fence SET token = max(token, ?)", (contents.fence,))
        connection.execute("INSERT OR REPLACE INTO applied_revision VALUES (1, ?)", (secrets.token_hex(8),))


def _insert(connection: sqlite3.Connection, contents: Contents) -> None:
    connection.executemany(
        "INSERT INTO runs (id, started_at, body) VALUES (?, ?, ?)",
        ((run.id, run.started_at, _encode(run)) for run in contents.runs),
    )
    connection.executemany("INSERT INTO generations VALUES (?, ?)", contents.generations.items())
    connection.executemany(
        "INSERT INTO journal (run_id, address, generation, completes_apply, body) VALUES (?, ?, ?, ?, ?)",
        (
            (entry.run_id, entry.address, entry.generation, completes_apply(entry), _encode(entry))
            for entry in contents.journal
        ),
    )
    connection.executemany(
        "INSERT INTO applied VALUES (?, ?)", ((one.address, _encode(one)) for one in contents.applied)
    )
    connection.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?)",
        ((one.kind, one.id, one.revision, _encode(one.body)) for one in contents.documents),
    )
    connection.executemany("INSERT INTO secrets VALUES (?, ?)", contents.secrets.items())
    if contents.head is not None:
        connection.execute("INSERT INTO chain VALUES (1, ?, ?)", (contents.head.seq, contents.head.hash))
