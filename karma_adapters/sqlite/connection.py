"""Opens SQLite files: pragmas, schema, locking between threads, and translation of errors.

One connection a database, used by one thread at a time; other processes are waited for. A write transaction
takes the write lock at its start, so that what it read is still true when it writes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import UnionType
from typing import Any, Final, TypeAlias

from karma_core.errors import BadInput, StoreError, StoreUnavailable
from karma_core.ids import shown

SqlValue: TypeAlias = Any
"""The value of a column: a text, a number, bytes or None, which the statement that reads it knows."""
Row: TypeAlias = tuple[SqlValue, ...]
"""A row of a query."""
BUSY_SECONDS: Final = 15.0
"""How long a writer waits for another. Ours: thousands of transactions at 5 ms a disk sync."""
_MODE: Final = 0o600


class Database:
    """An open database. Made by `open_database`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = RLock()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed, durably, at the end of the block, rolled back by an exception."""
        with self._lock, translated(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def rows(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """All rows of a query, or of one statement that is its own transaction."""
        with self._lock, translated(self._path):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[SqlValue] = ()) -> SqlValue:
        """The first row, or None."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None

    def stream(self, sql: str, values: Sequence[SqlValue] = ()) -> Generator[Row, None, None]:
        """The rows of a query one by one, as they are at the start; the connection is for nothing else.

        No lock is held between the rows: a reading that is left may be ended by any thread.
        """
        with translated(self._path):
            yield from self._connection.execute(sql, values)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


def open_database(path: Path, schema: Sequence[str]) -> Database:
    """Open, or make with mode 0600, the database at `path`: write-ahead log, every commit synced.

    `schema` are all statements that ever made or changed the schema, oldest first; the file's user_version
    counts those it has. StoreError where the file was written by a newer schema or cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=_MODE)
        path.chmod(_MODE)
    except OSError as error:
        raise StoreError(
            f"cannot open the database {path}",
            why=error.strerror or str(error),
            next_step="correct the directory or its permissions",
            code="database",
        ) from error
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            _upgrade(connection, path, schema)
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def _upgrade(connection: sqlite3.Connection, path: Path, schema: Sequence[str]) -> None:
    if _version(connection) == len(schema):
        return
    _switch_to_wal(connection)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)  # again: another process may have been first
        if version > len(schema):
            raise StoreError(
                f"the database {path} cannot be used",
                why=f"a newer version of Karma wrote it (schema {version}, this one knows {len(schema)})",
                next_step="use that version of Karma",
                code="database-newer",
            )
        for statement in schema[version:]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(schema)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait here when another process opens the file too."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreUnavailable (locked) and StoreError, with what to do next.

    BadInput `invalid-text` for a text that has no UTF-8 form and so cannot be stored or looked for.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{shown(error.object)!r} is not valid Unicode",
            why="it holds half of a surrogate pair",
            next_step="write it in UTF-8",
            code="invalid-text",
        ) from error
    except UnicodeDecodeError as error:  # Python's sqlite3 raises it while it says that a text is no UTF-8
        raise damaged(path, "a text", error) from error
    except sqlite3.Error as error:
        raise _translation(error, path) from error


def damaged(path: Path, what: str, error: Exception | str) -> StoreError:
    """A row that SQLite gives back and that is not what Karma writes: SQLite checks no content."""
    return StoreError(
        f"damage in the database {path}",
        why=f"{what} cannot be read: {error}",
        next_step="move it away and restore it from a backup",
        code="database-damaged",
    )


def check_row(path: Path, what: str, row: Sequence[SqlValue], kinds: Sequence[type | UnionType]) -> None:
    """StoreError `database-damaged` unless every value of the row is of its kind."""
    for value, kind in zip(row, kinds, strict=True):
        if not isinstance(value, kind):
            wanted = getattr(kind, "__name__", str(kind))
            raise damaged(path, what, f"{type(value).__name__} in the place of {wanted}")


def _translation(error: sqlite3.Error, path: Path) -> StoreError:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the code is detail
    why = str(error)
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreUnavailable(
            f"the database {path} is locked",
            why=why,
            next_step="another process writes to it: wait for it, then try again",
            code="database-locked",
        )
    if primary == sqlite3.SQLITE_FULL:
        what, step, code = "there is no room for", "make room on the disk", "database-full"
    elif primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        what, step, code = "damage in", "move it away and restore it from a backup", "database-damaged"
    else:
        what, step, code = "an error in", "check the file, its directory and their permissions", "database"
    return StoreError(f"{what} the database {path}", why=why, next_step=step, code=code)
