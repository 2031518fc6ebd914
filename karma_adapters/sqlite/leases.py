"""Leases in the state database: names held until a time, under a token that only ever rises.

The token comes from a counter that outlives every lease, so that a released, expired or taken-over lease
never gives its token again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from karma_adapters.sqlite.connection import Database
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

_HELD = """SELECT name, holder, token, expires_at FROM leases
    WHERE name IN (SELECT value FROM json_each(?)) AND expires_at > ? ORDER BY name"""
_TAKE = """INSERT INTO leases (name, holder, token, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at"""


class SqliteLeases:
    """Leases in `database`; `clock` decides what has expired."""

    def __init__(self, database: Database, clock: ports.Clock) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none, in one transaction; LeaseHeld, also where the holder is the same."""
        wanted = tuple(sorted(set(names)))
        with self._database.write() as connection:
            now = self._clock().timestamp()
            held = connection.execute(_HELD, (json.dumps(wanted), now)).fetchall()
            if held:
                raise lease_held([_lease(row) for row in held])
            token = connection.execute("UPDATE fence SET token = token + 1 RETURNING token").fetchall()[0][0]
            expires_at = now + seconds
            connection.executemany(_TAKE, [(name, holder, token, expires_at) for name in wanted])
        return Lease(names=wanted, holder=holder, token=token, expires_at=expires_at)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease, and nothing extended, unless every name is still under this token."""
        with self._database.write() as connection:
            expires_at = self._clock().timestamp() + seconds
            changed = connection.execute(
                "UPDATE leases SET expires_at = ? WHERE token = ?", (expires_at, lease.token)
            ).rowcount
            if changed != len(lease.names):
                raise lease_lost(lease)
        return Lease(names=lease.names, holder=lease.holder, token=lease.token, expires_at=expires_at)

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
        sql = "SELECT name, holder, token, expires_at FROM leases WHERE expires_at > ? ORDER BY name"
        return tuple(_lease(row) for row in self._database.rows(sql, (self._clock().timestamp(),)))


def _lease(row: tuple[str, str, int, float]) -> Lease:
    name, holder, token, expires_at = row
    return Lease(names=(name,), holder=holder, token=token, expires_at=expires_at)
