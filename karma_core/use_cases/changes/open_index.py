"""The index of open changes, one document: deciding what may go on reads these, not every change ever made.

It may name a change that is not open, because its writer died between two writes; it never lacks one that is.
Each change stands there with the revision of its document at which it was opened: who closes a change at an
earlier revision does not strike out what another process has opened again since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from karma_core.changes.record import Change
from karma_core.changes.states import KIND
from karma_core.decoding import convert
from karma_core.errors import Conflict
from karma_core.ports import StateStore

INDEX: Final = "change-index"
_OPEN: Final = "open"

Opened = dict[str, int]
"""Revision at which a change was opened, by its id."""


def read(state: StateStore) -> Opened:
    """The changes that may be open."""
    return _read(state)[0]


def add(state: StateStore, change_id: str, revision: int) -> None:
    """Add a change to the index, before it is stored as open under `revision`."""
    _edit(state, lambda opened: {**opened, change_id: max(revision, opened.get(change_id, 0))})


def drop(state: StateStore, change_id: str, revision: int) -> None:
    """Remove a change from the index, after it was stored as closed under `revision`."""
    _edit(state, lambda opened: {i: at for i, at in opened.items() if i != change_id or at > revision})


def _edit(state: StateStore, edit: Callable[[Opened], Opened]) -> None:
    """Replace the document, reading it again after each Conflict with another process."""
    while True:
        opened, revision = _read(state)
        edited = edit(opened)
        if edited == opened:
            return
        try:
            state.put_document(INDEX, _OPEN, {"revisions": edited}, revision=revision)
        except Conflict:
            continue
        return


def _read(state: StateStore) -> tuple[Opened, int]:
    """Return the index and its revision; without an index, every open change and 0."""
    document = state.document(INDEX, _OPEN)
    if document is not None:
        return convert(document.body["revisions"], Opened), document.revision
    stored = state.documents(KIND)
    return {change.id: change.revision for change in stored if convert(change.body, Change).is_open}, 0
