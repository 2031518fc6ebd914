"""Opening SQLite files, and their errors in Karma's words."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from karma_adapters.sqlite import connection as sqlite
from karma_adapters.sqlite.connection import open_database
from karma_core.errors import StoreError, StoreUnavailable

SCHEMA = ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", "INSERT INTO t VALUES (1, 'first')")


def test_a_database_is_made_with_its_directory(tmp_path: Path) -> None:
    """Mode 0600 for the file and what SQLite puts beside it; write-ahead log; every commit synced."""
    path = tmp_path / "new" / "x.db"
    database = open_database(path, SCHEMA)
    assert database.row("SELECT b FROM t") == ("first",)
    assert database.row("PRAGMA journal_mode") == ("wal",)
    assert database.row("PRAGMA synchronous") == (2,)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_a_mode_that_is_too_wide_is_narrowed(tmp_path: Path) -> None:
    """A file copied from elsewhere is its owner's only, from the first opening."""
    path = tmp_path / "x.db"
    path.touch(mode=0o644)
    open_database(path, SCHEMA).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_schema_grows_by_statements(tmp_path: Path) -> None:
    """Opening runs the statements that a file does not have yet, each once."""
    path = tmp_path / "x.db"
    for schema, rows in (
        (SCHEMA, 1),
        (SCHEMA, 1),
        ((*SCHEMA, "INSERT INTO t VALUES (2, 'second')"), 2),
        ((*SCHEMA, "INSERT INTO t VALUES (2, 'second')"), 2),
    ):
        database = open_database(path, schema)
        assert len(database.rows("SELECT * FROM t")) == rows
        database.close()
    with pytest.raises(StoreError, match="newer version"):
        open_database(path, SCHEMA)


def test_a_failed_upgrade_leaves_nothing(tmp_path: Path) -> None:
    """All new statements are one transaction."""
    path = tmp_path / "x.db"
    with pytest.raises(StoreError):
        open_database(path, (*SCHEMA, "NONSENSE"))
    database = open_database(path, SCHEMA)
    assert len(database.rows("SELECT * FROM t")) == 1
    database.close()


def test_a_write_is_all_or_nothing(tmp_path: Path) -> None:
    """An exception in the block rolls back, and the next block works."""
    database = open_database(tmp_path / "x.db", SCHEMA)

    def fail() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO t VALUES (2, 'x')")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert len(database.rows("SELECT * FROM t")) == 1
    with database.write() as connection:
        connection.execute("INSERT INTO t VALUES (2, 'x')")
    assert len(database.rows("SELECT * FROM t")) == 2
    database.close()


class TestErrors:
    def test_a_locked_database_is_unavailable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The call may be tried again; the message says what to wait for."""
        monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
        path = tmp_path / "x.db"
        database = open_database(path, SCHEMA)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            database.rows("INSERT INTO t VALUES (2, 'x')")
        assert "wait for it" in caught.value.next_step
        assert isinstance(caught.value.__cause__, sqlite3.Error)
        other.close()
        database.close()

    def test_a_full_disk_says_so(self, tmp_path: Path) -> None:
        """The transaction is undone, and the database works on when there is room."""
        database = open_database(tmp_path / "x.db", SCHEMA)
        pages = database.row("PRAGMA page_count")[0]
        database.rows(f"PRAGMA max_page_count = {pages + 1}")

        def fill() -> None:
            with database.write() as connection:
                connection.execute("INSERT INTO t VALUES (2, ?)", ("x" * 100_000,))

        with pytest.raises(StoreError, match="no room") as caught:
            fill()
        assert caught.value.code == "database-full"
        database.rows("PRAGMA max_page_count = 1000")
        fill()
        assert len(database.rows("SELECT * FROM t")) == 2
        database.close()

    def test_a_damaged_file_says_so(self, tmp_path: Path) -> None:
        """A file that is no database, and one with a page overwritten."""
        plain = tmp_path / "plain.db"
        plain.write_bytes(b"no database at all" * 100)
        with pytest.raises(StoreError, match="damage") as caught:
            open_database(plain, SCHEMA)
        assert caught.value.code == "database-damaged"

        path = tmp_path / "x.db"
        database = open_database(path, SCHEMA)
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        content = bytearray(path.read_bytes())
        content[4096:4200] = b"\xff" * 104
        path.write_bytes(content)
        database = open_database(path, SCHEMA)
        with pytest.raises(StoreError, match="damage"):
            database.rows("SELECT * FROM t")
        database.close()

    def test_a_place_that_cannot_be_used_says_so(self, tmp_path: Path) -> None:
        """A file in the place of the directory, a directory in the place of the file, use after closing."""
        (tmp_path / "plain").touch()
        for place in (tmp_path / "plain" / "x.db", tmp_path):
            with pytest.raises(StoreError):
                open_database(place, SCHEMA)
        database = open_database(tmp_path / "x.db", SCHEMA)
        database.close()
        with pytest.raises(StoreError):
            database.rows("SELECT * FROM t")


def test_opening_waits_for_another_that_makes_the_database(tmp_path: Path) -> None:
    """SQLite itself does not wait when the journal mode is switched under another's lock."""
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    release.start()
    database = open_database(path, SCHEMA)
    assert database.row("PRAGMA journal_mode") == ("wal",)
    release.join()
    other.close()
    database.close()
