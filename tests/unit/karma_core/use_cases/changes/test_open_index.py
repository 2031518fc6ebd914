"""What is open is found without reading what is not, and is never missed."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.changes.record import Change
from karma_core.changes.states import KIND, State
from karma_core.model import to_builtins
from karma_core.use_cases.changes import open_index
from karma_core.use_cases.changes.register import Register
from tests.change_system import ChangeSystem


def _change(change_id: str, status: State = State.PROPOSED, number: int = 1) -> Change:
    return Change(
        id=change_id,
        environment="dev",
        number=number,
        status=status,
        request={"component": "a/one"},
        requested_by="ann",
        source="cli",
        reason="",
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
    )


def test_closed_changes_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hundred closed changes and two open ones, two documents and the index are read."""
    system = ChangeSystem()
    register = Register(system.workspace)
    for number in range(100):
        register.move(register.add(_change(f"old-{number}")), State.CANCELLED, "not wanted")
    register.add(_change("second", number=2))
    register.add(_change("first", number=1))
    read: list[str] = []
    find = system.state.document

    def counted(kind: str, document_id: str) -> Any:
        read.append(document_id)
        return find(kind, document_id)

    monkeypatch.setattr(system.state, "document", counted)
    monkeypatch.setattr(system.state, "documents", None)
    assert [change.id for change in register.open()] == ["first", "second"]
    assert sorted(read) == ["first", "open", "second"]


def test_a_change_is_named_before_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies between the two writes leaves a name without an open change; it is passed over."""
    system = ChangeSystem()
    register = Register(system.workspace)
    put = system.state.put_document

    def dies_at_the_change(kind: str, *arguments: Any, **options: Any) -> int:
        if kind == KIND:
            raise KeyboardInterrupt
        return put(kind, *arguments, **options)

    monkeypatch.setattr(system.state, "put_document", dies_at_the_change)
    with pytest.raises(KeyboardInterrupt):
        register.add(_change("one"))
    assert open_index.read(system.state) == {"one": 1}
    assert register.open() == []


def test_changes_from_before_there_was_an_index_are_found() -> None:
    """Without an index all documents are read, and the first change that opens or closes writes it."""
    system = ChangeSystem()
    register = Register(system.workspace)
    for change in (_change("closed", State.APPLIED), _change("waits")):
        system.state.put_document(KIND, change.id, to_builtins(change), revision=0)
    assert [change.id for change in register.open()] == ["waits"]
    register.add(_change("new", number=2))
    assert open_index.read(system.state) == {"waits": 1, "new": 1}
    register.move(register.get("waits"), State.CANCELLED, "not wanted")
    assert open_index.read(system.state) == {"new": 1}


def test_who_closed_a_change_does_not_strike_out_its_reopening() -> None:
    """One process has stored a change as closed; before it strikes it out, another opens it again."""
    system = ChangeSystem()
    state = system.state
    open_index.add(state, "one", 1)
    closed_at = 2
    open_index.add(state, "one", 3)
    open_index.drop(state, "one", closed_at)
    assert open_index.read(state) == {"one": 3}
    open_index.drop(state, "one", 4)
    assert open_index.read(state) == {}


def test_a_name_without_an_open_change_is_passed_over() -> None:
    """Whoever dies after it has closed a change, and before it strikes it out, leaves such a name."""
    system = ChangeSystem()
    register = Register(system.workspace)
    register.add(_change("one", State.APPLIED))
    open_index.add(system.state, "one", 1)
    assert register.open() == []


def test_two_who_write_the_index_at_once_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose reading is old by then reads again."""
    system = ChangeSystem()
    put = system.state.put_document

    def after_another(*arguments: Any, **options: Any) -> int:
        monkeypatch.setattr(system.state, "put_document", put)
        open_index.add(system.state, "other", 1)
        return put(*arguments, **options)

    monkeypatch.setattr(system.state, "put_document", after_another)
    open_index.add(system.state, "one", 1)
    assert open_index.read(system.state) == {"one": 1, "other": 1}
