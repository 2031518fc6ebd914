"""The state table's rows for a backup, and rows back into the table.

A query reads a partition, so what is read while others write is not of one moment; whoever makes a backup
reads again until nothing has moved. Nothing is scanned: an IAM policy that allows one environment's keys
alone allows no scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from karma_adapters import state_rows
from karma_adapters.aws.state_table import (
    JOURNAL,
    Item,
    StateTable,
    journal_partition,
    journal_partitions,
    new_mark,
    number,
    padded,
    text,
)
from karma_adapters.state_rows import Contents
from karma_adapters.state_rules import completes_apply
from karma_core.document_kinds import DOCUMENT_KINDS
from karma_core.json_types import JsonObject
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Run, StateRow

DOCUMENTS: Final = "document#{}"
_KINDS: Final = ("run", "generation", "completed", "applied", "secret", "chain")


def copy_out(table: StateTable) -> Iterator[StateRow]:
    """Everything but the leases; the journal is read first, and before the records that it explains."""
    for _, run in table.query_with_values("run", Run):
        yield state_rows.run_row(run)
    for item in table.query("generation"):
        yield state_rows.generation_row(item["sk"]["S"], int(item["count"]["N"]))
    for partition in partitions(table):
        for _, entry in table.query_with_values(partition, JournalEntry):
            yield state_rows.entry_row(entry)
    for _, record in table.query_with_values("applied", Applied):
        yield state_rows.applied_row(record)
    for kind in DOCUMENT_KINDS:
        for item, body in table.query_with_values(DOCUMENTS.format(kind), JsonObject):
            revision = int(item["revision"]["N"])
            yield state_rows.document_row(
                Document(kind=kind, id=item["sk"]["S"], body=body, revision=revision)
            )
    for item in table.query("secret"):
        yield state_rows.secret_row(item["sk"]["S"], bytes(item["secret"]["B"]))
    for item in table.query("chain"):
        yield state_rows.head_row(ChainHead(seq=int(item["seq"]["N"]), hash=item["digest"]["S"]))
    for item in table.query("fence"):
        yield state_rows.fence_row(int(item["token"]["N"]))


def copy_in(table: StateTable, rows: Iterable[StateRow]) -> None:
    """Delete everything but the leases, then put the rows; the applied records come last.

    A copy that is broken off leaves a table without applied records, which nothing takes for whole.
    """
    contents = state_rows.contents(rows)
    for kind in (*_KINDS, *partitions(table), *(DOCUMENTS.format(kind) for kind in DOCUMENT_KINDS)):
        for item in list(table.query(kind)):
            table.drop_parts(table.delete(kind, item["sk"]["S"]))
    for item in _items(table, contents):
        table.put(item)
    _raise_fence(table, contents.fence)
    table.put({**table.key("revision", "applied"), "mark": text(new_mark())})


def _items(table: StateTable, contents: Contents) -> Iterator[Item]:
    for run in contents.runs:
        order = {"one": text(f"{run.started_at}#{run.id}")}
        yield {**table.key("run", run.id), **table.body(run), **order}
    for address, value in contents.generations.items():
        yield {**table.key("generation", address), "count": number(value)}
    yield from _journal(table, contents.journal)
    for document in contents.documents:
        kept = {"revision": number(document.revision), "mark": text(new_mark())}
        yield {
            **table.key(DOCUMENTS.format(document.kind), document.id),
            **table.body(document.body),
            **kept,
        }
    for name, secret in contents.secrets.items():
        yield {**table.key("secret", name), "secret": {"B": secret}}
    if contents.head is not None:
        digest = {"seq": number(contents.head.seq), "digest": text(contents.head.hash)}
        yield {**table.key("chain", "head"), **digest}
    for record in contents.applied:
        yield {**table.key("applied", record.address), **table.body(record)}


def _journal(table: StateTable, entries: list[JournalEntry]) -> Iterator[Item]:
    yield {**table.key("counter", "journal"), "count": number(len(entries))}
    for count, entry in enumerate(entries, 1):
        yield entry_item(table, entry, count, new_mark())
        if completes_apply(entry):
            yield table.key("completed", f"{entry.address}#{entry.generation}")


def partitions(table: StateTable) -> tuple[str, ...]:
    """The journal's partitions, in the order of their entries."""
    counted = table.get("counter", JOURNAL)
    return journal_partitions(int(counted["count"]["N"]) if counted else 0)


def entry_item(table: StateTable, entry: JournalEntry, position: int, mark: str) -> Item:
    """A journal entry as the table holds it."""
    place = padded(position)
    return {
        **table.key(journal_partition(position), place),
        **table.body(entry),
        "one": text(f"{entry.run_id}#{place}"),
        "two": text(f"{entry.address}#{place}"),
        "mark": text(mark),
    }


def _raise_fence(table: StateTable, token: int) -> None:
    there = table.get("fence", "fence")
    if token > (int(there["token"]["N"]) if there else 0):
        table.put({**table.key("fence", "fence"), "token": number(token)})
