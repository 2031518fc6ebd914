"""A sink in an SQLite file, indexed for reading.

A row is the event's number and its canonical line; everything else is computed from the line by SQLite
(virtual columns), so that there is nothing beside the line that could say something different. SQLite ends
such a text at a NUL character: a field with one in it is stored whole, but not found by a filter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from karma_core.errors import StoreError, StoreUnavailable
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter
from karma_log.sinks.base import head_moved

if TYPE_CHECKING:
    import sqlite3

SqlValue: TypeAlias = Any
"""The value of a column: SQLite gives whatever somebody put into it."""
_BUSY_SECONDS: Final = 15.0
"""How long a writer waits for another. Ours: hundreds of appends at 5 ms a disk sync."""
_PAGE: Final = 500
"""Rows read at once, so that no read transaction stays open while a caller works on events."""
_MODE: Final = 0o600
_INDEXED: Final = ("id", "timestamp", "action", "component", "user", "run_id")
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, line TEXT NOT NULL, "
    + ", ".join(
        # A line that somebody altered must still be there to be verified, readable or not.
        f"\"{name}\" TEXT AS (CASE WHEN json_valid(line) THEN json_extract(line, '$.{name}') END) VIRTUAL"
        for name in _INDEXED
    )
    + ")",
    *(f'CREATE INDEX IF NOT EXISTS events_{name} ON events ("{name}")' for name in _INDEXED),
)

_MADE: Final = {
    statement.split(maxsplit=6)[5]: statement.replace("IF NOT EXISTS ", "") for statement in _SCHEMA
}
"""Name of the table and of each index → its statement, as SQLite keeps it."""
_VERSION: Final = 1
_SHOWN: Final = 20
"""Most faults of a file that are said."""


class SqliteSink:
    """Events in the database `path`, made when needed; one connection, used by one thread at a time.

    `durable` syncs each commit to the disk: True for the required sink.
    """

    def __init__(self, path: Path, *, name: str = "sqlite", durable: bool = True) -> None:
        self.name = name
        self._path = path
        self._durable = durable
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None

    def head(self) -> ChainHead | None:
        """The newest event."""
        with self._connected() as connection:
            return self._head(connection)

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store the events in one transaction if the newest stored one is `expected`, else Conflict."""
        rows = [(event.seq, chain.line(event).decode()) for event in events]
        with self._connected() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            head = self._head(connection)
            if head != expected:
                raise head_moved(self.name, expected, head)
            connection.executemany("INSERT INTO events (seq, line) VALUES (?, ?)", rows)

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq, read in pages."""
        conditions, values = _where(query)
        if after_seq > 0:
            conditions, values = [*conditions, "seq > ?"], [*values, after_seq]
        if before_seq is not None:
            conditions, values = [*conditions, "seq < ?"], [*values, before_seq]
        for seq, raw in self._pages(conditions, values, newest_first=newest_first):
            yield self._parsed(seq, raw)

    def event(self, event_id: str) -> Event | None:
        """One event."""
        with self._connected() as connection:
            row = connection.execute("SELECT seq, line FROM events WHERE id = ?", (event_id,)).fetchone()
        return self._parsed(*row) if row else None

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The rows by their number."""
        for seq, raw in self._pages(["seq > ?"] if after_seq else [], [after_seq] if after_seq else []):
            yield StoredLine(raw=_as_bytes(raw), place=f"{self._path} row {seq}", seq=seq)

    def index_faults(self) -> Iterator[str]:
        """What SQLite's own check says of the table's indexes, and indexes that are not as they were made."""
        with self._connected() as connection:
            check_rows = connection.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall()
            made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        yield from (text for (raw,) in check_rows if (text := raw.decode("utf-8", "replace")) != "ok")
        kept = {name.decode("utf-8", "replace"): sql for name, sql in made}
        for name, sql in _MADE.items():
            if kept.get(name) != sql.encode():
                yield f"{name} is not as it was made"

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # -- rows -------------------------------------------------------------------------------------

    def _head(self, connection: sqlite3.Connection) -> ChainHead | None:
        row = connection.execute("SELECT seq, line FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return chain.head_of(self._parsed(*row)) if row else None

    def _parsed(self, seq: int, raw: SqlValue) -> Event:
        return chain.read_line(_as_bytes(raw), where=f"row {seq} in {self._path}")

    def _pages(
        self, conditions: Sequence[str], values: Sequence[SqlValue], *, newest_first: bool = False
    ) -> Iterator[tuple[int, SqlValue]]:
        direction, beyond = ("DESC", "seq < ?") if newest_first else ("ASC", "seq > ?")
        last: list[int] = []
        while True:
            where = " AND ".join([*conditions, *([beyond] if last else [])]) or "TRUE"
            # Conditions are fixed texts of this module; every value is a parameter.
            sql = f"SELECT seq, line FROM events WHERE {where} ORDER BY seq {direction} LIMIT {_PAGE}"  # noqa: S608
            with self._connected() as connection:
                rows = connection.execute(sql, [*values, *last]).fetchall()
            yield from rows
            if len(rows) < _PAGE:
                return
            last = [rows[-1][0]]

    # -- the connection ---------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # noqa: PLC0415 - a log that is not used must not cost this import at start

        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                yield self._connection
            except sqlite3.Error as error:
                raise _translated(error, self._path) from error
            except UnicodeDecodeError as error:  # raised where SQLite's own message is no UTF-8
                raise _damaged(self._path, str(error)) from error
            except OSError as error:
                raise StoreError(
                    f"cannot open the log database {self._path}",
                    why=error.strerror or str(error),
                    next_step="correct the directory or its permissions",
                    code="log-database",
                ) from error

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415

        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=_MODE)
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = bytes  # altered text may be no UTF-8, and lines are wanted as bytes
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; StoreError `database-newer` for one of a later version of Karma."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StoreError(
            f"the log database {path} cannot be used",
            why=f"a newer version of Karma wrote it (version {version}, this one knows {_VERSION})",
            next_step="use that version of Karma",
            code="database-newer",
        )
    if version == 0:
        _create(connection)


def _create(connection: sqlite3.Connection) -> None:
    _switch_to_wal(connection)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait here when another process opens the file too."""
    import sqlite3  # noqa: PLC0415

    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _where(query: Filter) -> tuple[list[str], list[SqlValue]]:
    """A filter as SQL conditions and their values."""
    conditions: list[tuple[str, SqlValue]] = [
        (f'"{name}" = ?', value)
        for name in ("component", "user", "run_id")
        if (value := getattr(query, name)) is not None
    ]
    if query.action is not None and query.action.endswith("*"):
        prefix = query.action[:-1]
        # The highest code point: above every text that begins with the prefix.
        conditions += [("action >= ?", prefix), ("action < ?", prefix + "\U0010ffff")]
    elif query.action is not None:
        conditions.append(("action = ?", query.action))
    if query.since is not None:
        conditions.append(("timestamp >= ?", query.since))
    if query.until is not None:
        conditions.append(("timestamp <= ?", query.until))
    return [condition for condition, _ in conditions], [value for _, value in conditions]


def _as_bytes(raw: SqlValue) -> bytes:
    """A stored line as bytes, whatever type somebody gave it."""
    return raw if isinstance(raw, bytes) else str(raw).encode()


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"the log database {path} is damaged",
        why=why,
        next_step="move it away; then restore a backup, or `karma doctor --accept store:log` brings it back "
        "from another sink that is whole",
        code="log-database",
    )


def _translated(error: sqlite3.Error, path: Path) -> StoreError:
    import sqlite3  # noqa: PLC0415

    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    facts = {"why": str(error), "code": "log-database"}
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreUnavailable(
            f"the log database {path} is locked",
            next_step="another process writes to it: wait for it, then try again",
            **facts,
        )
    if primary == sqlite3.SQLITE_FULL:
        return StoreError(f"no room for the log database {path}", next_step="make room on the disk", **facts)
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return _damaged(path, str(error))
    return StoreError(
        f"the log database {path} failed", next_step="check the file and its permissions", **facts
    )
