"""The parameter store in a SQLite file: SSM's semantics without AWS.

`parameter` holds the current versions, clustered by name, so that a listing is one range scan;
`earlier_version` the 99 before. A SecureString's value lies in the column `secret`, which only a decrypting
read selects; the file has mode 0600. The index `parameter_kept` says a second time which parameters there
are: a damaged page could hide one, and a config that is not there is one that was removed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.sqlite.connection import Row, check_row, damaged
from karma_adapters.sqlite.file import SqliteFile
from karma_core.decoding import decode
from karma_core.ids import shown
from karma_core.parameters import (
    KEPT_VERSIONS,
    PAGE_SIZE,
    Held,
    Planned,
    page_start,
    path_bounds,
    plan_writes,
    unique,
)
from karma_core.ports import Clock
from karma_core.records import Parameter, ParameterKind, ParameterPage, ParameterWrite, Tier

_COLUMNS: Final = "name, version, kind, tier, description, modified_at, value"
_SCHEMA: Final = (
    """CREATE TABLE parameter (
        name TEXT PRIMARY KEY, version INTEGER NOT NULL, kind TEXT NOT NULL, tier TEXT NOT NULL,
        description TEXT NOT NULL, modified_at TEXT NOT NULL, value TEXT, secret TEXT, tags TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE earlier_version (
        name TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, tier TEXT NOT NULL,
        description TEXT NOT NULL, modified_at TEXT NOT NULL, value TEXT, secret TEXT,
        PRIMARY KEY (name, version)
    ) WITHOUT ROWID""",
    "CREATE TABLE store (id TEXT NOT NULL, writes INTEGER NOT NULL)",
    "INSERT INTO store VALUES (lower(hex(randomblob(16))), 0)",
    "CREATE INDEX parameter_kept ON parameter (name, version, kind)",
)
_ROW: Final = (str, int, str, str, str, str, str | None)
"""Types of the values of `_COLUMNS`."""
_BETWEEN: Final = "WHERE name > ? AND name < ? ORDER BY name"
_BELOW: Final = f"FROM parameter NOT INDEXED {_BETWEEN}"
_KEPT: Final = "SELECT name, version, kind FROM parameter INDEXED BY parameter_kept"
_KINDS: Final = {kind.value: kind for kind in ParameterKind}
_TIERS: Final = {tier.value: tier for tier in Tier}


class LocalParameters:
    """ports.ParameterStore on one SQLite file."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._file = SqliteFile(path, _SCHEMA)
        self._clock = clock

    def revision(self) -> str | None:
        """The file's random id and its count of write transactions."""
        row = self._file.database().row("SELECT id, writes FROM store")
        check_row(self._path, "the store's number of writes", row or (None, None), (str, int))
        store, writes = row
        return f"{store}:{writes}"

    def page(self, prefix: str, *, token: str | None = None, decrypt: bool = False) -> ParameterPage:
        """One page; the token is the page's last name."""
        low, high = path_bounds(prefix)
        start = page_start(token, low, high)
        query = f"SELECT {_columns(decrypt)} {_BELOW} LIMIT {PAGE_SIZE + 1}"
        rows = self._file.database().rows(query, (start, high))
        parameters = tuple(map(self._parameter, rows[:PAGE_SIZE]))
        return ParameterPage(
            parameters=parameters, token=parameters[-1].name if len(rows) > PAGE_SIZE else None
        )

    def read_tree(self, prefix: str) -> Iterator[Parameter]:
        """One query over one snapshot, streamed: O(1) memory."""
        bounds = path_bounds(prefix)
        return self._stream(bounds)

    def get(self, name: str, *, version: int | None = None, decrypt: bool = False) -> Parameter | None:
        """One version, or None."""
        columns = _columns(decrypt)
        query = f"SELECT {columns} FROM parameter WHERE name = ?"  # noqa: S608 - constants
        if version is not None:
            query = (
                f"{query} AND version = ? UNION ALL "  # noqa: S608 - constants
                f"SELECT {columns} FROM earlier_version WHERE name = ? AND version = ?"
            )
        values = (name,) if version is None else (name, version, name, version)
        database = self._file.database()
        row = database.row(query, values)
        if row is None and version is None and database.row(f"{_KEPT} WHERE name = ?", (name,)) is not None:
            row = database.row(query, values)  # it may have been written just now
            if row is None:
                raise damaged(self._path, f"the parameter {shown(name)}", "its row is gone")
        return self._parameter(row) if row else None

    def history(self, name: str) -> tuple[Parameter, ...]:
        """All kept versions, oldest first."""
        query = (
            f"SELECT {_COLUMNS} FROM earlier_version WHERE name = ? UNION ALL "  # noqa: S608
            f"SELECT {_COLUMNS} FROM parameter WHERE name = ? ORDER BY version"
        )
        return tuple(map(self._parameter, self._file.database().rows(query, (name, name))))

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        """All writes in one transaction, checked before the first."""
        if not writes:
            return []
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with self._file.database().write() as connection:
            held = self._held(connection, unique(write.name for write in writes))
            planned = plan_writes(writes, held, now)
            for step in planned:
                _store(connection, step)
            _count_write(connection)
        return [step.parameter.version for step in planned]

    def delete(self, names: Sequence[str]) -> list[str]:
        """Delete with history and tags, in one transaction."""
        with self._file.database().write() as connection:
            gone = [name for name in unique(names) if _drop(connection, name)]
            if gone:
                _count_write(connection)
        return gone

    def tags(self, name: str) -> dict[str, str]:
        """Tags of a parameter."""
        row = self._file.database().row("SELECT tags FROM parameter WHERE name = ?", (name,))
        return self._decode_tags(row[0]) if row else {}

    def close(self) -> None:
        """Close this thread's connection."""
        self._file.close()

    def _stream(self, bounds: tuple[str, str]) -> Iterator[Parameter]:
        """The rows, each compared with the index, which is read beside them at the same moment."""
        with (
            self._file.apart() as database,
            closing(database.stream(f"SELECT {_COLUMNS} {_BELOW}", bounds)) as rows,
            closing(database.stream(f"{_KEPT} {_BETWEEN}", bounds)) as kept,
        ):
            for row, known in zip_longest(rows, kept):
                if row is None or known is None or row[:3] != known:
                    name = shown(str((row or known)[0]))
                    raise damaged(self._path, f"the parameter {name}", "the table and its index differ")
                yield self._parameter(row)

    def _parameter(self, row: Row) -> Parameter:
        check_row(self._path, "a parameter", row, _ROW)
        name, version, kind, tier, description, modified_at, value = row
        try:
            return Parameter(
                name=name,
                value=value,
                version=version,
                kind=_KINDS[kind],
                tier=_TIERS[tier],
                description=description,
                modified_at=modified_at,
            )
        except KeyError as error:
            raise damaged(self._path, f"the parameter {shown(name)}", error) from error

    def _held(self, connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, Held]:
        held = {}
        for name in names:
            query = "SELECT version, tier, tags FROM parameter WHERE name = ?"
            row = connection.execute(query, (name,)).fetchone()
            if row is not None:
                check_row(self._path, f"the parameter {shown(name)}", row, (int, str, str))
                if row[1] not in _TIERS:
                    raise damaged(self._path, f"the parameter {shown(name)}", f"its tier {shown(row[1])}")
                held[name] = Held(version=row[0], tier=_TIERS[row[1]], tags=self._decode_tags(row[2]))
        return held

    def _decode_tags(self, text: str) -> dict[str, str]:
        try:
            return decode(text, dict[str, str]) if text else {}
        except (msgspec.MsgspecError, TypeError) as error:
            raise damaged(self._path, "a parameter's tags", error) from error


def _count_write(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE store SET writes = writes + 1")


def _columns(decrypt: bool) -> str:
    return _COLUMNS.replace("value", "coalesce(value, secret)") if decrypt else _COLUMNS


def _store(connection: sqlite3.Connection, step: Planned) -> None:
    parameter = step.parameter
    if parameter.version > 1:
        _keep_earlier(connection, parameter)
    secure = parameter.kind is ParameterKind.SECURE
    connection.execute(
        "INSERT OR REPLACE INTO parameter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            parameter.name,
            parameter.version,
            parameter.kind.value,
            parameter.tier.value,
            parameter.description,
            parameter.modified_at,
            None if secure else parameter.value,
            parameter.value if secure else None,
            _encode_tags(step.tags),
        ),
    )


def _keep_earlier(connection: sqlite3.Connection, parameter: Parameter) -> None:
    """Move the replaced version to the earlier ones, and drop versions beyond SSM's limit."""
    connection.execute(
        f"INSERT INTO earlier_version ({_COLUMNS}, secret) "  # noqa: S608 - constants
        f"SELECT {_COLUMNS}, secret FROM parameter WHERE name = ?",
        (parameter.name,),
    )
    if parameter.version > KEPT_VERSIONS:
        connection.execute(
            "DELETE FROM earlier_version WHERE name = ? AND version <= ?",
            (parameter.name, parameter.version - KEPT_VERSIONS),
        )


def _drop(connection: sqlite3.Connection, name: str) -> bool:
    connection.execute("DELETE FROM earlier_version WHERE name = ?", (name,))
    return connection.execute("DELETE FROM parameter WHERE name = ?", (name,)).rowcount > 0


def _encode_tags(tags: dict[str, str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else ""
