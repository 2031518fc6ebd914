"""One SQLite file under many threads: a connection each, renewed where SQLite or the file demands it.

A connection is not carried across a fork (SQLite: howtocorrupt.html, 2.6), and a file that was deleted and
made again is another database, also for those who had the old one open.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from karma_adapters.sqlite.connection import Database, open_database

_opening = threading.Lock()
"""Making a file opens and closes it beside SQLite, which drops the process's locks on it (the same, 2.2)."""
_orphans: list[Database] = []
"""Connections of a parent process: kept, never closed, since closing would touch the parent's log."""


class _Opened(NamedTuple):
    database: Database
    process: int
    identity: tuple[int, int] | None


class SqliteFile:
    """A database file, made with `schema` on first use. The methods may be called from any thread."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self._path = path
        self._schema = schema
        self._local = threading.local()

    def database(self) -> Database:
        """The calling thread's connection."""
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is not None:
            if opened.process == os.getpid() and opened.identity == self._identity():
                return opened.database
            self.close()
        opened = _Opened(self._open(), os.getpid(), self._identity())
        self._local.opened = opened
        return opened.database

    @contextmanager
    def apart(self) -> Iterator[Database]:
        """A connection of its own, so that a long read neither sees nor holds up the thread's writes."""
        database = self._open()
        try:
            yield database
        finally:
            database.close()

    def close(self) -> None:
        """Close the calling thread's connection; others close with their threads."""
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None:
            return
        self._local.opened = None
        if opened.process == os.getpid():
            opened.database.close()
        else:
            _orphans.append(opened.database)

    def _open(self) -> Database:
        with _opening:
            return open_database(self._path, self._schema)

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
