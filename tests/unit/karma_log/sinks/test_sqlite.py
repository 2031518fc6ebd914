"""The SQLite sink: every byte of its rows, its indexes, and its errors."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from karma_core.errors import StoreError, StoreUnavailable
from karma_log import chain
from karma_log.filters import make_filter
from karma_log.sinks import sqlite
from karma_log.sinks.sqlite import SqliteSink
from tests.make_events import make_chain

EVENTS = make_chain(6)
HEAD = chain.head_of(EVENTS[-1])
LINES = [chain.line(event) for event in EVENTS]
PROPERTY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that holds EVENTS."""
    sink = SqliteSink(tmp_path / "log.db")
    sink.append(EVENTS, None)
    sink.close()
    return tmp_path / "log.db"


def problems_after(path: Path, *statements: tuple[str, tuple[object, ...]]) -> int:
    """How many problems verification finds after the statements, which are then undone."""
    sink = SqliteSink(path)
    with sink._connected() as connection:
        connection.execute("BEGIN")
        for statement, values in statements:
            connection.execute(statement, values)
        verification = chain.verify_lines(sink.stored(), HEAD)
        connection.execute("ROLLBACK")
    sink.close()
    assert verification.verified == (not verification.problems)
    return len(verification.problems)


class TestEveryByte:
    """The whole chain as rows: nothing can change unseen."""

    def test_an_untouched_database_verifies(self, path: Path) -> None:
        """No statement, no problem."""
        assert problems_after(path) == 0

    @PROPERTY
    @given(data=st.data())
    def test_a_changed_byte_is_found(self, path: Path, data: st.DataObject) -> None:
        """Any byte of any row, to any other value, whether or not JSON or UTF-8 comes of it."""
        number = data.draw(st.integers(0, len(LINES) - 1))
        raw = bytearray(LINES[number])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        update = ("UPDATE events SET line = CAST(? AS TEXT) WHERE seq = ?", (bytes(raw), number + 1))
        assert problems_after(path, update)

    @PROPERTY
    @given(gone=st.sets(st.integers(1, len(LINES)), min_size=1))
    def test_a_deletion_is_found(self, path: Path, gone: set[int]) -> None:
        """Any set of rows, the last one and all of them included."""
        assert problems_after(path, *(("DELETE FROM events WHERE seq = ?", (seq,)) for seq in gone))

    @PROPERTY
    @given(order=st.permutations(range(len(LINES))).filter(lambda order: order != sorted(order)))
    def test_a_reordering_is_found(self, path: Path, order: list[int]) -> None:
        """Lines under other numbers than their own."""
        moves = [
            ("UPDATE events SET line = CAST(? AS TEXT) WHERE seq = ?", (LINES[number], seq))
            for seq, number in enumerate(order, 1)
        ]
        assert problems_after(path, *moves)

    @pytest.mark.parametrize("seq", range(1, 7))
    def test_a_changed_number_is_found(self, path: Path, seq: int) -> None:
        """A row's key is not in the hash: it must agree with the line."""
        assert problems_after(path, ("UPDATE events SET seq = seq + 10 WHERE seq = ?", (seq,)))

    def test_a_repeated_line_is_found(self, path: Path) -> None:
        """A copy of a row under a new number, and a line of another type."""
        assert problems_after(path, ("INSERT INTO events SELECT 7, line FROM events WHERE seq = 3", ()))
        assert problems_after(path, ("UPDATE events SET line = 7 WHERE seq = 3", ()))


@pytest.mark.parametrize("field", ["component", "action", "user", "run_id"])
def test_filters_use_an_index(path: Path, field: str) -> None:
    """A filter does not read the whole table."""
    conditions, values = sqlite._where(make_filter(**{field: "x"}))
    with sqlite3.connect(path) as connection:
        sql = f"SELECT line FROM events WHERE {conditions[0]} ORDER BY seq LIMIT 500"  # noqa: S608
        plan = " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql, values))
    connection.close()
    assert f"USING INDEX events_{field}" in plan
    assert "TEMP B-TREE" not in plan


def test_the_file_is_its_owners_and_synced(path: Path) -> None:
    """Mode 0600; the write-ahead log; every commit on the disk (2 is FULL)."""
    sink = SqliteSink(path)
    with sink._connected() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == b"wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_locked_database_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call may be tried again, and says so."""
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sink = SqliteSink(path)
    with pytest.raises(StoreUnavailable, match="locked"):
        sink.append([], HEAD)
    other.close()
    sink.append([], HEAD)
    sink.close()


def test_a_damaged_database_is_typed(tmp_path: Path) -> None:
    """A file that is no database, and a place that cannot be used."""
    (tmp_path / "log.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="damaged"):
        SqliteSink(tmp_path / "log.db").head()
    with pytest.raises(StoreError, match="cannot open"):
        SqliteSink(tmp_path / "log.db" / "x" / "log.db").head()


def test_a_log_that_is_not_used_costs_no_sqlite() -> None:
    """Importing and making the sink loads no database module."""
    code = (
        "import sys, pathlib; from karma_log.sinks.sqlite import SqliteSink; "
        "SqliteSink(pathlib.Path('/nowhere/log.db')); assert 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


def test_opening_waits_for_another_that_makes_the_database(tmp_path: Path) -> None:
    """SQLite itself does not wait when the journal mode is switched under another's lock."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    release.start()
    sink = SqliteSink(tmp_path / "new.db")
    sink.append(EVENTS, None)
    release.join()
    other.close()
    sink.close()
