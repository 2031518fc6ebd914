"""What the SQLite parameter store does beyond its port: the file, threads, processes, faults."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from karma_adapters.sqlite import connection as sqlite
from karma_adapters.sqlite.parameters import LocalParameters
from karma_core.errors import Conflict, StoreError, StoreUnavailable
from karma_core.records import Parameter, ParameterKind, ParameterWrite

WRITES = 20


def _open(path: Path) -> LocalParameters:
    return LocalParameters(path, clock=lambda: datetime.now(UTC))


def _count_up(path: Path) -> None:
    """Raise a counter WRITES times by read and conditional write."""
    store = _open(path)
    done = 0
    while done < WRITES:
        current = store.get("/iac/counter")
        assert current is not None
        assert current.value is not None
        value = str(int(current.value) + 1)
        try:
            store.put([ParameterWrite(name="/iac/counter", value=value, base=current.version)])
        except Conflict:
            continue
        done += 1
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store's file will be; its directory does not exist yet."""
    return tmp_path / "state" / "dev.db"


def test_only_the_owner_reads_the_file(path: Path) -> None:
    """The file and what SQLite puts beside it have mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        store = _open(path)
        store.put([ParameterWrite(name="/iac/s", value="canary", kind=ParameterKind.SECURE)])
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_a_file_made_again_is_another_store(path: Path) -> None:
    """Deleted and made again, the file has another revision, also for who had it open."""
    store = _open(path)
    store.put([ParameterWrite(name="/iac/a", value="x")])
    revision = store.revision()
    for file in path.parent.iterdir():
        file.unlink()
    assert store.get("/iac/a") is None
    store.put([ParameterWrite(name="/iac/a", value="x")])
    assert store.revision() != revision
    assert _open(path).revision() == store.revision()


def test_writers_in_threads_lose_nothing(path: Path) -> None:
    """Conditional writes of several threads on one store object are all counted."""
    store = _open(path)
    store.put([ParameterWrite(name="/iac/counter", value="0")])
    threads = [threading.Thread(target=_count_up, args=(path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    final = store.get("/iac/counter")
    assert final is not None
    assert final.value == str(3 * WRITES)


def test_writers_in_processes_lose_nothing(path: Path) -> None:
    """The same of several processes, which also race to make the file."""
    context = multiprocessing.get_context("fork")
    store = _open(path)
    store.put([ParameterWrite(name="/iac/counter", value="0")])
    workers = [context.Process(target=_count_up, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    final = store.get("/iac/counter")
    assert final is not None
    assert final.value == str(3 * WRITES)


def test_a_forked_child_opens_its_own_connection(path: Path) -> None:
    """SQLite forbids carrying a connection over a fork; the child's writes and the parent's both stay."""
    store = _open(path)
    store.put([ParameterWrite(name="/iac/a", value="parent")])
    inherited = store._file._local.opened.database

    def write_in_child() -> None:
        store.put([ParameterWrite(name="/iac/b", value="child")])
        assert store._file._local.opened.database is not inherited

    child = multiprocessing.get_context("fork").Process(target=write_in_child)
    child.start()
    child.join()
    assert child.exitcode == 0
    store.put([ParameterWrite(name="/iac/c", value="parent")])
    assert [parameter.name for parameter in store.read_tree("/iac")] == ["/iac/a", "/iac/b", "/iac/c"]


def test_a_locked_file_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock held too long is StoreUnavailable, and nothing was written."""
    _open(path).put([ParameterWrite(name="/iac/a", value="x")])
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        _open(path).put([ParameterWrite(name="/iac/b", value="x")])
    rival.execute("ROLLBACK")
    rival.close()
    assert _open(path).get("/iac/b") is None


def test_a_damaged_file_is_a_store_error(path: Path) -> None:
    """A file that is no database is said to be damaged, and is not overwritten."""
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError) as raised:
        _open(path).get("/iac/a")
    assert isinstance(raised.value.__cause__, sqlite3.DatabaseError)
    assert path.read_bytes().startswith(b"not a database")


def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file of another schema version is not touched."""
    _open(path).put([ParameterWrite(name="/iac/a", value="x")])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError) as raised:
        _open(path).get("/iac/a")
    assert raised.value.code == "database-newer"


def test_ten_thousand_writes_are_one_transaction(path: Path) -> None:
    """A large put is all or nothing: a conflict on the last write leaves none of them."""
    store = _open(path)
    store.put([ParameterWrite(name="/iac/last", value="x")])
    writes = [ParameterWrite(name=f"/iac/{number}", value="x", base=0) for number in range(10_000)]
    with pytest.raises(Conflict):
        store.put([*writes, ParameterWrite(name="/iac/last", value="y", base=0)])
    assert [parameter.name for parameter in store.read_tree("/iac")] == ["/iac/last"]
    before = store.revision()
    assert set(store.put(writes)) == {1}
    assert before is not None
    assert store.revision() == f"{before.split(':')[0]}:{int(before.split(':')[1]) + 1}"


def test_values_are_durable(path: Path) -> None:
    """Writes are synced in full to a write-ahead log (SQLite: synchronous 2, WAL)."""
    store = _open(path)
    database = store._file.database()
    assert database.row("PRAGMA synchronous") == (2,)
    assert database.row("PRAGMA journal_mode") == ("wal",)


def test_a_walk_sees_one_moment(path: Path) -> None:
    """A walk sees the store as it was when the walk began, whatever is written meanwhile."""
    store = _open(path)
    store.put([ParameterWrite(name=f"/iac/{number:03}", value="old") for number in range(200)])
    walk = store.read_tree("/iac")
    values = {next(walk).value}
    store.put([ParameterWrite(name=f"/iac/{number:03}", value="new") for number in range(200)])
    values |= {parameter.value for parameter in walk}
    assert values == {"old"}


def test_a_reading_that_is_left_may_end_in_another_thread(tmp_path: Path) -> None:
    """As the traceback of an error that is raised again elsewhere makes it."""
    store = _open(tmp_path / "p.sqlite")
    store.put([ParameterWrite(name=f"/iac/a/n{n}/config", value="{}") for n in range(3)])
    begun, over = threading.Event(), threading.Event()
    readings: list[Generator[Parameter, None, None]] = []

    def begin() -> None:
        reading = store.read_tree("/iac")
        assert isinstance(reading, Generator)
        next(reading)
        readings.append(reading)
        begun.set()
        over.wait(60)

    first = threading.Thread(target=begin)
    first.start()
    begun.wait(20)
    ending = threading.Thread(target=readings[0].close, daemon=True)
    ending.start()
    ending.join(10)
    over.set()
    first.join()
    assert not ending.is_alive()
