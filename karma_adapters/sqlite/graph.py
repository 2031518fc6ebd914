"""The graph store on one SQLite file: the embedded default. One file may hold several environments.

A commit is one transaction and a read is one read transaction (write-ahead log, `synchronous=FULL`), so
that a reader sees a whole build and a crash at any point leaves the old one. Components and edges are kept
as JSON by key: `json_extract(CAST(body AS TEXT), '$.status')` works in the sqlite3 shell.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from karma_core.errors import StoreError, StoreUnavailable
from karma_core.failpoints import reach
from karma_core.graph.commit_refusals import moved_base, stale_lease
from karma_core.model import Build, ChangeNode, Component, Delta, Edge, GraphData, Snapshot
from karma_core.records import Lease

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for another. Ours: a commit of 100,000 components takes about 5 s."""
FORMAT: Final = 2
"""Kept in `PRAGMA user_version`; raised when the tables change. Format 1 had no changes."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS environment (
    name TEXT PRIMARY KEY, token INTEGER NOT NULL DEFAULT 0, build INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS build (
    environment TEXT, id INTEGER, body BLOB NOT NULL, PRIMARY KEY (environment, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node (
    environment TEXT, address TEXT, body BLOB NOT NULL, PRIMARY KEY (environment, address)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edge (
    environment TEXT, source TEXT, target TEXT, kind TEXT, body BLOB NOT NULL,
    PRIMARY KEY (environment, source, target, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    environment TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (environment, id)
) WITHOUT ROWID;
"""

_encode = msgspec.json.Encoder().encode
_decode_build = msgspec.json.Decoder(Build).decode
_decode_node = msgspec.json.Decoder(Component).decode
_decode_edge = msgspec.json.Decoder(Edge).decode
_decode_change = msgspec.json.Decoder(ChangeNode).decode


class SqliteGraphStore:
    """ports.GraphStore on a SQLite file, which is made where it does not exist. Safe to share by threads."""

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = path
        self._lock = threading.RLock()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(self._db, path, busy_seconds)
            except BaseException:
                self._db.close()
                raise

    def current(self, environment: str) -> Build | None:
        """The current build, or None before the first."""
        with self._transaction("BEGIN") as db:
            return _current(db, environment)

    def load(self, environment: str) -> Snapshot | None:
        """The whole current graph with its build. The primary keys give the order."""
        with self._transaction("BEGIN") as db:
            build = _current(db, environment)
            if build is None:
                return None
            nodes = db.execute("SELECT body FROM node WHERE environment = ? ORDER BY address", (environment,))
            edges = db.execute(
                "SELECT body FROM edge WHERE environment = ? ORDER BY source, target, kind", (environment,)
            )
            changes = db.execute("SELECT body FROM change WHERE environment = ? ORDER BY id", (environment,))
            graph = GraphData(
                nodes=tuple([_decode_node(body) for (body,) in nodes]),
                edges=tuple([_decode_edge(body) for (body,) in edges]),
                changes=tuple([_decode_change(body) for (body,) in changes]),
            )
            return Snapshot(build=build, graph=graph)

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta and make the build current, in one transaction."""
        reach("graph.commit.begin")
        with self._transaction("BEGIN IMMEDIATE") as db:
            _raise_fence(db, build.environment, lease)
            refusal = moved_base(build, _current(db, build.environment))
            if refusal is None:
                _apply(db, build.environment, delta)
                _make_current(db, build)
                reach("graph.commit.before_commit")
        if refusal is not None:  # only now: the raised fence stays
            raise refusal
        reach("graph.commit.after_commit")

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first."""
        query = "SELECT body FROM build WHERE environment = ? ORDER BY id DESC LIMIT ?"
        with self._transaction("BEGIN") as db:
            return tuple([_decode_build(body) for (body,) in db.execute(query, (environment, limit))])

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record."""
        query = "SELECT body FROM build WHERE environment = ? AND id = ?"
        with self._transaction("BEGIN") as db:
            row = db.execute(query, (environment, build_id)).fetchone()
            return _decode_build(row[0]) if row else None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, rolled back on any error."""
        with self._lock, _translated(self._path):
            self._db.execute(begin)
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _current(db: sqlite3.Connection, environment: str) -> Build | None:
    query = (
        "SELECT b.body FROM environment e JOIN build b ON b.environment = e.name AND b.id = e.build"
        " WHERE e.name = ?"
    )
    row = db.execute(query, (environment,)).fetchone()
    return _decode_build(row[0]) if row else None


def _raise_fence(db: sqlite3.Connection, environment: str, lease: Lease) -> None:
    """Remember the lease's token as the highest seen; StaleLease if a higher one has been."""
    raised = db.execute(
        "INSERT INTO environment (name, token) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE token <= excluded.token",
        (environment, lease.token),
    )
    if raised.rowcount == 0:
        newest = db.execute("SELECT token FROM environment WHERE name = ?", (environment,)).fetchone()[0]
        raise stale_lease(environment, lease.token, newest)


def _apply(db: sqlite3.Connection, environment: str, delta: Delta) -> None:
    db.executemany(
        "DELETE FROM edge WHERE environment = ? AND source = ? AND target = ? AND kind = ?",
        ((environment, *key) for key in delta.drop_edges),
    )
    db.executemany(
        "DELETE FROM node WHERE environment = ? AND address = ?",
        ((environment, address) for address in delta.drop_nodes),
    )
    db.executemany(
        "DELETE FROM change WHERE environment = ? AND id = ?",
        ((environment, change_id) for change_id in delta.drop_changes),
    )
    reach("graph.commit.after_drops")
    db.executemany(
        "INSERT OR REPLACE INTO node VALUES (?, ?, ?)",
        ((environment, node.address, _encode(node)) for node in delta.put_nodes),
    )
    reach("graph.commit.after_nodes")
    db.executemany(
        "INSERT OR REPLACE INTO edge VALUES (?, ?, ?, ?, ?)",
        ((environment, e.source, e.target, e.kind.value, _encode(e)) for e in delta.put_edges),
    )
    db.executemany(
        "INSERT OR REPLACE INTO change VALUES (?, ?, ?)",
        ((environment, change.id, _encode(change)) for change in delta.put_changes),
    )
    reach("graph.commit.after_edges")


def _make_current(db: sqlite3.Connection, build: Build) -> None:
    db.execute("INSERT INTO build VALUES (?, ?, ?)", (build.environment, build.id, _encode(build)))
    db.execute("UPDATE environment SET build = ? WHERE name = ?", (build.id, build.environment))


def _prepare(db: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Set the connection's pragmas, make the tables that are missing, refuse a file of a later format."""
    _use_write_ahead_log(db, busy_seconds)
    db.execute("PRAGMA synchronous = FULL")
    file_format = db.execute("PRAGMA user_version").fetchone()[0]
    if file_format < FORMAT:
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
    elif file_format != FORMAT:
        raise StoreError(
            f"the graph store {path} cannot be used",
            why=f"it has format {file_format}, this version of Karma reads {FORMAT}",
            next_step="move the file away and run `karma graph build`: the graph is rebuilt from its sources",
        )


def _use_write_ahead_log(db: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch the file to WAL. SQLite does not wait for other connections here, so we do."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate SQLite's errors: StoreUnavailable if waiting helps, else StoreError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code: SQLite, "Result Codes"
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StoreUnavailable(
                f"the graph store {path} is busy",
                why=str(error),
                next_step="wait for the other process and try again",
            ) from error
        raise _failed(path, error, "check that the directory is writable and the disk is not full") from error
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise _failed(
            path,
            error,
            "move the file away and run `karma graph build`: the graph is rebuilt from its sources",
        ) from error
    except OSError as error:
        raise _failed(path, error, "check the path and its permissions") from error


def _failed(path: Path, error: Exception, next_step: str) -> StoreError:
    return StoreError(f"the graph store {path} failed", why=str(error), next_step=next_step)
