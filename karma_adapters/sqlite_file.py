"""One SQLite file: a connection per thread, durable transactions, errors translated.

Rules from SQLite's own documents (wal.html, howtocorrupt.html): WAL with `synchronous=FULL` makes a commit
durable; a connection is not carried across a fork; the file is never opened beside SQLite, because closing
such a descriptor drops the locks of the whole process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from karma_core.errors import StoreError, StoreUnavailable

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for another: ours, well above the longest write transaction of 100,000 rows."""
_RETRY_SECONDS: Final = 0.02
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_opening = threading.Lock()
_orphans: list[sqlite3.Connection] = []
"""Connections of a parent process: kept, never closed, since closing would touch the parent's WAL."""


class _Opened(NamedTuple):
    connection: sqlite3.Connection
    process: int
    identity: tuple[int, int]


class SqliteFile:
    """A database file, made with `schema` (SQL) at `version` on first use, readable by its owner only."""

    def __init__(self, path: Path, *, schema: str, version: int) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._local = threading.local()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection of the calling thread, for single statements."""
        with self._translated():
            yield self._connection()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, so that a long read neither sees nor disturbs this thread's writes."""
        with self._translated():
            self._connection()
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed durably at the end, rolled back on any exception."""
        with self._translated():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close this thread's connection; others close with their threads."""
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is not None:
            self._local.opened = None
            self._discard(opened)

    def _connection(self) -> sqlite3.Connection:
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is not None:
            if opened.process == os.getpid() and opened.identity == self._identity():
                return opened.connection
            self.close()
        with _opening:
            connection = self._create()
        self._local.opened = _Opened(connection, os.getpid(), self._identity() or (0, 0))
        return connection

    @staticmethod
    def _discard(opened: _Opened) -> None:
        if opened.process == os.getpid():
            opened.connection.close()
        else:
            _orphans.append(opened.connection)

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode: a file that was deleted and made again is another store."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _create(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = self._connect()
        try:
            self._use_wal(connection)
            self._make_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @staticmethod
    def _use_wal(connection: sqlite3.Connection) -> None:
        """SQLite does not call its busy handler while it changes the journal mode, so this waits itself."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        if self._stored_version(connection) == self._version:
            return
        connection.execute("BEGIN IMMEDIATE")
        if self._stored_version(connection) == 0:
            for statement in self._schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version:d}")
        connection.execute("COMMIT")
        found = self._stored_version(connection)
        if found != self._version:
            raise StoreError(
                f"{self.path.name} has schema version {found}",
                why=f"this release of Karma reads version {self._version}",
                next_step="use the release that wrote the file",
            )

    @staticmethod
    def _stored_version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, self.path) from error
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened",
                why=error.strerror or str(error),
                next_step="check the directory and its permissions",
            ) from error


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY_CODES  # the low byte is the primary code


def _translate(error: sqlite3.Error, path: Path) -> StoreError:
    if _is_busy(error):
        return StoreUnavailable(
            f"{path} is locked",
            why=f"another process has been writing to it for more than {BUSY_SECONDS:.0f} seconds",
            next_step="try again; if it stays locked, look for a hanging process",
        )
    return StoreError(
        f"{path} failed",
        why=f"SQLite says: {error}",
        next_step="check the disk and the file; a damaged file must be restored or rebuilt",
    )
