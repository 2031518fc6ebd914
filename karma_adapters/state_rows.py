"""The rows of a state store's copy as records, and records as rows, for every state store alike."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from karma_core.decoding import convert
from karma_core.errors import BadInput
from karma_core.model import to_builtins
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Run, StateRow

_Kept = TypeVar("_Kept")


@dataclass(kw_only=True)
class Contents:
    """All that a state store holds beside its leases. `journal` is in the order of writing."""

    runs: list[Run] = field(default_factory=list)
    generations: dict[str, int] = field(default_factory=dict)
    journal: list[JournalEntry] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    secrets: dict[str, bytes] = field(default_factory=dict)
    head: ChainHead | None = None
    fence: int = 0


def run_row(run: Run) -> StateRow:
    """A run as a row."""
    return StateRow(kind="run", key=run.id, body=to_builtins(run))


def generation_row(address: str, value: int) -> StateRow:
    """The highest generation of a component as a row."""
    return StateRow(kind="generation", key=address, body=value)


def entry_row(entry: JournalEntry) -> StateRow:
    """A journal entry as a row."""
    return StateRow(kind="entry", body=to_builtins(entry))


def applied_row(applied: Applied) -> StateRow:
    """An applied record as a row."""
    return StateRow(kind="applied", key=applied.address, body=to_builtins(applied))


def document_row(document: Document) -> StateRow:
    """A document as a row."""
    return StateRow(kind="document", key=document.id, body=to_builtins(document))


def secret_row(name: str, secret: bytes) -> StateRow:
    """A secret as a row, in the clear."""
    return StateRow(kind="secret", key=name, body=base64.b64encode(secret).decode())


def head_row(head: ChainHead) -> StateRow:
    """The log's head as a row."""
    return StateRow(kind="head", body=to_builtins(head))


def fence_row(token: int) -> StateRow:
    """The highest fencing token as a row."""
    return StateRow(kind="fence", body=token)


def contents(rows: Iterable[StateRow]) -> Contents:
    """What the rows say; BadInput `backup-damaged` for one that is none of the kinds above."""
    collected = Contents()
    for row in rows:
        try:
            _take(collected, row)
        except (msgspec.ValidationError, binascii.Error, ValueError, TypeError) as error:
            raise BadInput(
                f"a row of the state store's copy cannot be read: {row.kind} {row.key}".rstrip(),
                why=str(error),
                next_step="use another backup",
                code="backup-damaged",
            ) from error
    return collected


def _take(contents: Contents, row: StateRow) -> None:
    if row.kind == "run":
        contents.runs.append(_read(row, Run))
    elif row.kind == "generation":
        contents.generations[row.key] = _read(row, int)
    elif row.kind == "entry":
        contents.journal.append(_read(row, JournalEntry))
    elif row.kind == "applied":
        contents.applied.append(_read(row, Applied))
    elif row.kind == "document":
        contents.documents.append(_read(row, Document))
    elif row.kind == "secret":
        contents.secrets[row.key] = base64.b64decode(_read(row, str), validate=True)
    elif row.kind == "head":
        contents.head = _read(row, ChainHead)
    elif row.kind == "fence":
        contents.fence = _read(row, int)
    else:
        raise ValueError("there is no such kind of row")


def _read(row: StateRow, kind: type[_Kept]) -> _Kept:
    return convert(row.body, kind)
