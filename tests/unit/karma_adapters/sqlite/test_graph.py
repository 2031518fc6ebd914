"""karma_adapters.sqlite.graph, beyond the contract of its port."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core.errors import StoreError, StoreUnavailable
from karma_core.model import ChangeNode
from tests.graphs import graph, publish

ROOT = Path(__file__).parents[4]


def test_the_graph_outlives_the_store(tmp_path: Path) -> None:
    """What was published is there when the file is opened again; its directory is made."""
    store = SqliteGraphStore(tmp_path / "new" / "graph.db")
    publish(store, graph([("rds/a", "vpc/core")]))
    store.close()
    again = SqliteGraphStore(tmp_path / "new" / "graph.db")
    snapshot = again.load("prod")
    again.close()
    assert snapshot is not None
    assert snapshot.graph == graph([("rds/a", "vpc/core")])


def test_commits_are_durable(tmp_path: Path) -> None:
    """Write-ahead log and synchronous=FULL (2): a commit survives a power cut."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    pragmas = [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    store.close()
    assert pragmas == ["wal", 2]


def test_a_busy_file_can_be_tried_again(tmp_path: Path) -> None:
    """A writer that waited too long for another says so, as an error that passes."""
    store = SqliteGraphStore(tmp_path / "graph.db", busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "graph.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="busy"):
        publish(store, graph(nodes=["vpc/a"]))
    other.execute("ROLLBACK")
    other.close()
    publish(store, graph(nodes=["vpc/a"]))
    store.close()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    """Another file under the name is refused with what to do; its content stays."""
    (tmp_path / "graph.db").write_text("not a database, but long enough to look at" * 50)
    with pytest.raises(StoreError, match="karma graph build"):
        SqliteGraphStore(tmp_path / "graph.db")


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A path through a file is an error of the store, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        SqliteGraphStore(tmp_path / "file" / "graph.db")


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A file written by a later Karma is not read by an earlier one."""
    SqliteGraphStore(tmp_path / "graph.db").close()
    with sqlite3.connect(tmp_path / "graph.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="format 99"):
        SqliteGraphStore(tmp_path / "graph.db")


def test_a_file_from_before_changes_is_taken_up(tmp_path: Path) -> None:
    """Its graph is read as it was, and from then on it holds changes."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    old = graph(nodes=["vpc/a"])
    publish(store, old)
    store.close()
    with sqlite3.connect(tmp_path / "graph.db") as db:
        db.execute("DROP TABLE change")
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = SqliteGraphStore(tmp_path / "graph.db")
    assert (snapshot := store.load("prod")) is not None
    assert snapshot.graph == old
    newer = msgspec.structs.replace(old, changes=(ChangeNode(id="c-1", environment="prod"),))
    publish(store, newer)
    assert (snapshot := store.load("prod")) is not None
    assert snapshot.graph == newer
    store.close()


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    """A record that is no longer JSON ends in a typed error."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    publish(store, graph(nodes=["vpc/a"]))
    store._db.execute("UPDATE node SET body = 'x'")
    with pytest.raises(StoreError, match="karma graph build"):
        store.load("prod")
    store.close()


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """Processes that start together on a fresh file all get it."""
    code = (
        "import sys; from pathlib import Path; from karma_adapters.sqlite.graph import SqliteGraphStore;"
        "SqliteGraphStore(Path(sys.argv[1])).close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "graph.db")], cwd=ROOT) for _ in range(6)
    ]
    assert [process.wait() for process in started] == [0] * 6
