"""Leases in the state database: names held until a time, under a token that only ever rises.

The token comes from a counter that outlives every lease, so that a released, expired or taken-over lease
never gives its token again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from karma_adapters.sqlite.connection import Database, check_row
from karma_adapters.state_rules import lease_held, lease_lost
from karma_core import ports
from karma_core.records import Lease

SCHEMA = (
    """CREATE TABLE leases (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires_at REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX leases_token ON leases (token)",
    "CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL)",
    "INSERT INTO fence VALUES (1, 0)",
)
LATER = ("ALTER TABLE leases ADD COLUMN seconds REAL NOT NULL DEFAULT 0",)
"""What changed the schema since, for the end of the file's statements."""

_HELD = """SELECT name, holder, token, expires_at, seconds FROM leases
    WHERE name IN (SELECT value FROM json_each(?)) AND expires_at > ? ORDER BY name"""
_TAKE = """INSERT INTO leases (name, holder, token, expires_at, seconds) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at,
        seconds = excluded.seconds"""


class SqliteLeases:
    """Leases in `database`, the file `path`; `clock` decides what has expired."""

    def __init__(self, database: Database, clock: ports.Clock, path: Path) -> None:
        self._database = database
        self._path = path
        self._clock = clock

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none, in one transaction; LeaseHeld, also where the holder is the same."""
        wanted = tuple(sorted(set(names)))
        with self._database.write() as connection:
            now = self._clock().timestamp()
            held = connection.execute(_HELD, (json.dumps(wanted), now)).fetchall()
            if held:
                raise lease_held([self._lease(row) for row in held])
            token = self._next_token(connection)
            expires_at = now + seconds
            connection.executemany(_TAKE, [(name, holder, token, expires_at, seconds) for name in wanted])
        return Lease(names=wanted, holder=holder, token=token, expires_at=expires_at, seconds=seconds)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease, and nothing extended, unless every name is still under this token."""
        with self._database.write() as connection:
            expires_at = self._clock().timestamp() + seconds
            changed = connection.execute(
                "UPDATE leases SET expires_at = ?, seconds = ? WHERE token = ?",
                (expires_at, seconds, lease.token),
            ).rowcount
            if changed != len(lease.names):
                raise lease_lost(lease)
        return replace(lease, expires_at=expires_at, seconds=seconds)

    def release(self, lease: Lease) -> None:
        """Release the names that are still held under this token."""
        self._database.rows("DELETE FROM leases WHERE token = ?", (lease.token,))

    def fence(self) -> int:
        """The newest token; 0 before the first."""
        row = self._database.row("SELECT token FROM fence")
        return int(row[0]) if row else 0

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on."""
        self._database.rows("UPDATE fence SET token = ? WHERE token < ?", (token, token))

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, one a name, by name."""
        sql = "SELECT name, holder, token, expires_at, seconds FROM leases WHERE expires_at > ? ORDER BY name"
        return tuple(self._lease(row) for row in self._database.rows(sql, (self._clock().timestamp(),)))

    def _next_token(self, connection: sqlite3.Connection) -> int:
        row = connection.execute("UPDATE fence SET token = token + 1 RETURNING token").fetchone()
        check_row(self._path, "the fencing token", row or ("nothing",), (int,))
        return int(row[0])

    def _lease(self, row: tuple[str, str, int, float, float]) -> Lease:
        check_row(self._path, "a lease", row, (str, str, int, float, float))
        name, holder, token, expires_at, seconds = row
        return Lease(names=(name,), holder=holder, token=token, expires_at=expires_at, seconds=seconds)
