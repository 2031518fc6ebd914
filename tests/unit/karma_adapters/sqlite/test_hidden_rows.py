"""A row that a damaged page hides is damage, and never a parameter or a record that does not exist."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from karma_adapters.sqlite.parameters import LocalParameters
from karma_adapters.sqlite.state import SqliteState
from karma_core.errors import StoreError
from karma_core.records import Applied, JournalEntry, ParameterWrite

AT = "2026-11-30T00:00:00Z"


def _damaged(path: Path, name: bytes) -> Iterator[int]:
    """Change the name at each of its places in the file, one at a time; the places."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    for place in [match.start() for match in re.finditer(re.escape(name), whole)]:
        content = bytearray(whole)
        content[place + len(name) - 1] ^= 1
        path.write_bytes(content)
        yield place
    path.write_bytes(whole)


def _said(call: Callable[[], Any]) -> Any:
    """What the call gives, or the code of its error."""
    try:
        return call()
    except StoreError as error:
        return error.code


def test_a_parameter_is_not_hidden(tmp_path: Path) -> None:
    """Wherever its name is damaged: it is read, or the store is damaged."""
    path, name = tmp_path / "parameters.sqlite", "/iac/a/two/config"
    store = LocalParameters(path, clock=lambda: datetime(2026, 11, 30, tzinfo=UTC))
    store.put([ParameterWrite(name=f"/iac/a/{one}/config", value="{}") for one in ("one", "two", "up")])
    store.close()
    places = 0
    for _ in _damaged(path, name.encode()):
        places += 1
        store = LocalParameters(path, clock=lambda: datetime(2026, 11, 30, tzinfo=UTC))
        listed = _said(lambda one=store: [p.name for p in one.read_tree("/iac")])  # type: ignore[misc]
        assert listed == "database-damaged" or name in listed
        held = _said(lambda one=store: one.get(name))  # type: ignore[misc]
        assert held == "database-damaged" or held.name == name
        store.close()
    assert places == 2


def test_an_applied_record_is_not_hidden(tmp_path: Path) -> None:
    """A component whose record cannot be found is not one that was never deployed."""
    path = tmp_path / "state.sqlite"
    store = SqliteState(path)
    for address in ("a/one", "a/two", "a/up"):
        entry = JournalEntry(
            run_id="R1", address="a/x", generation=1, step="plan", status="started", at=AT, detail={}
        )
        applied = Applied(
            address=address, fingerprint="fp1:x", generation=1, run_id="R1", at=AT, config={},
            config_version=1, module="sha256:m", inputs={},
        )  # fmt: skip
        store.journal(entry, applied=applied)
    store.close()
    places = 0
    for _ in _damaged(path, b"a/two"):
        places += 1
        store = SqliteState(path)
        listed = _said(store.all_applied)
        assert listed == "database-damaged" or "a/two" in listed
        held = _said(lambda one=store: one.applied("a/two"))  # type: ignore[misc]
        assert held == "database-damaged" or held.address == "a/two"
        store.close()
    assert places == 3
