"""A row that somebody or something altered: every method of every SQLite store says so in Karma's words."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.sqlite.parameters import LocalParameters
from karma_adapters.sqlite.state import SqliteState
from karma_core.errors import KarmaError
from karma_core.records import Applied, ChainHead, JournalEntry, ParameterWrite, Run
from karma_log.sinks.sqlite import SqliteSink
from tests.graphs import graph, publish
from tests.make_events import make_chain

NOW: Final = datetime(2026, 11, 30, tzinfo=UTC)
BAD: Final = (
    None,
    -7,
    2.5,
    "",
    "\x00 damage",
    b"\xff\xfe\x00",
    b'{"half": ',
    b"[]",
    '{"id": 1}',
    b"[" * 5_000,
)
"""What a column is made to hold: other types, no UTF-8, no JSON, JSON of another form, JSON too deep."""
Call = Callable[[], object]


def _parameters(path: Path) -> list[Call]:
    store = LocalParameters(path, clock=lambda: NOW)
    name = "/iac/a/one/config"
    with contextlib.suppress(KarmaError):
        if store.get(name) is None:
            for number in range(3):
                store.put([ParameterWrite(name=name, value=f'{{"n": {number}}}', tags={"commit": "c"})])
    return [
        store.revision,
        lambda: store.page("/iac"),
        lambda: list(store.read_tree("/iac")),
        lambda: store.get(name),
        lambda: store.get(name, version=1),
        lambda: store.history(name),
        lambda: store.tags(name),
        lambda: store.put([ParameterWrite(name=name, value='{"n": 9}')]),
        lambda: store.delete([name]),
        store.close,
    ]


def _state(path: Path) -> list[Call]:
    store = SqliteState(path, clock=lambda: NOW)
    at = "2026-11-30T00:00:00Z"
    run = Run(
        id="R1", environment="dev", kind="deploy", status="running", targets=(), started_at=at, holder="ann/1"
    )
    entry = JournalEntry(
        run_id="R1", address="a/one", generation=1, step="plan", status="started", at=at, detail={}
    )
    applied = Applied(
        address="a/one", fingerprint="fp1:x", generation=1, run_id="R1", at=at, config={}, config_version=1,
        module="sha256:m", inputs={}, keys={}, edges=(), good_config={},
    )  # fmt: skip
    with contextlib.suppress(KarmaError):
        if store.run("R1") is None:
            store.acquire(["a"], "ann/1", 60)
            store.put_run(run)
            store.next_generation("a/one")
            store.journal(entry, applied=applied)
            store.put_document("change", "C1", {"status": "queued"})
            store.move_chain_head(ChainHead(seq=1, hash="sha256:h"))
            store.secret("key")
    return [
        store.leases,
        lambda: store.acquire(["a"], "bob/2", 60),
        lambda: store.acquire(["b"], "bob/2", 60),
        lambda: store.run("R1"),
        store.runs,
        lambda: store.next_generation("a/one"),
        lambda: store.entries(run_id="R1"),
        lambda: store.applied("a/one"),
        store.all_applied,
        store.applied_revision,
        lambda: store.document("change", "C1"),
        lambda: store.documents("change"),
        lambda: store.put_document("change", "C1", {"status": "applied"}),
        store.chain_head,
        lambda: store.move_chain_head(ChainHead(seq=2, hash="sha256:i")),
        lambda: store.secret("key"),
        lambda: store.journal(entry, applied=applied),
        store.close,
    ]


def _graph(path: Path) -> list[Call]:
    store = SqliteGraphStore(path)
    content = graph([("rds/a", "vpc/core")])
    with contextlib.suppress(KarmaError):
        if store.current("prod") is None:
            publish(store, content)
    return [
        lambda: store.current("prod"),
        lambda: store.load("prod"),
        lambda: store.builds("prod"),
        lambda: store.build("prod", 1),
        lambda: publish(store, content),
        store.close,
    ]


def _log(path: Path) -> list[Call]:
    store = SqliteSink(path)
    events = make_chain(3)
    with contextlib.suppress(KarmaError):
        if store.head() is None:
            store.append(events, None)
    return [
        store.head,
        lambda: list(store.read()),
        lambda: list(store.read(newest_first=True)),
        lambda: store.event(events[0].id),
        lambda: list(store.stored()),
        store.close,
    ]


STORES: Final = {"parameters": _parameters, "state": _state, "graph": _graph, "log": _log}


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    """(table, column) of everything that is stored, not computed."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(tables):
            for _, column, *_, hidden in db.execute(f"PRAGMA table_xinfo({table})"):
                if not hidden:
                    yield table, column


def _damage(path: Path, table: str, column: str, value: Any) -> bool:
    """Put the value into the column of every row; whether SQLite takes it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            return db.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,)).rowcount > 0  # noqa: S608
        except sqlite3.Error:
            return False


def _error_of(call: Call) -> KarmaError | None:
    try:
        call()
    except KarmaError as error:
        return error
    return None


@pytest.mark.parametrize("kind", sorted(STORES))
def test_a_damaged_row_is_never_a_traceback(kind: str, tmp_path: Path) -> None:
    """Whatever a stored column holds, each method answers or raises a KarmaError with a reason."""
    whole = tmp_path / "whole.sqlite"
    STORES[kind](whole)[-1]()
    damaged, refused = 0, set()
    for table, column in _columns(whole):
        for value in BAD:
            path = tmp_path / "damaged.sqlite"
            for rest in tmp_path.glob("damaged.sqlite*"):
                rest.unlink()
            shutil.copy(whole, path)
            if not _damage(path, table, column, value):
                continue
            damaged += 1
            for call in STORES[kind](path):
                error = _error_of(call)
                if error is not None:
                    assert error.why, error.what
                    refused.add(table)
    assert damaged >= len(BAD) - 1
    assert refused


def test_the_message_names_the_file_and_what_to_do(tmp_path: Path) -> None:
    """What failed, why, and what to do next."""
    path = tmp_path / "state.sqlite"
    _state(path)[-1]()
    assert _damage(path, "applied", "body", b"\xff")
    store = SqliteState(path)
    with pytest.raises(KarmaError) as caught:
        store.applied("a/one")
    store.close()
    assert caught.value.code == "database-damaged"
    assert str(path) in caught.value.what
    assert "backup" in caught.value.next_step
