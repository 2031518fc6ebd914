"""The state store in a DynamoDB table.

Every write is one request or one transaction, conditional where the port promises a rule; a repeated one
whose first answer was lost finds its own mark. Reads are consistent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from karma_adapters.aws import dynamodb_state_copy
from karma_adapters.aws.dynamodb_leases import DynamoLeases
from karma_adapters.aws.state_table import Item, StateTable, journal_partition, new_mark, number, padded, text
from karma_adapters.state_rules import applied_twice, completes_apply, document_moved, system_clock
from karma_core import ports
from karma_core.errors import Conflict
from karma_core.json_types import JsonObject
from karma_core.records import Applied, ChainHead, Document, JournalEntry, Lease, Run, StateRow
from karma_log.sinks.service import AwsDocument

_ABSENT: Final = "attribute_not_exists(pk)"


class DynamoState:
    """`ports.StateStore` on one table, which several environments may share. Threads may share one."""

    def __init__(self, table: StateTable, *, clock: ports.Clock = system_clock) -> None:
        self._table = table
        self._leases = DynamoLeases(table, clock)

    # -- leases -----------------------------------------------------------------------------------

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none; LeaseHeld where one is held, also by the same holder."""
        return self._leases.acquire(names, holder, seconds)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease unless every name is still held under this token."""
        return self._leases.renew(lease, seconds)

    def release(self, lease: Lease) -> None:
        """Release the names that are still held under this token."""
        self._leases.release(lease)

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, one a name, by name."""
        return self._leases.leases()

    def fence(self) -> int:
        """The newest token that was granted; 0 before the first."""
        return self._leases.fence()

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on."""
        self._leases.raise_fence(token)

    # -- runs -------------------------------------------------------------------------------------

    def put_run(self, run: Run) -> None:
        """Insert or replace by id."""
        item = {**self._table.key("run", run.id), **self._table.body(run)}
        self._table.drop_parts(self._table.put({**item, "one": text(f"{run.started_at}#{run.id}")}))

    def run(self, run_id: str) -> Run | None:
        """One run."""
        stored = self._table.get_with_value("run", run_id, Run)
        return stored[1] if stored else None

    def runs(self, *, limit: int = 100) -> tuple[Run, ...]:
        """Newest first, by start and id."""
        stored = self._table.query_with_values("run", Run, index="one", newest_first=True, limit=limit)
        return tuple(run for _, run in islice(stored, limit))

    # -- journal and applied records --------------------------------------------------------------

    def next_generation(self, address: str) -> int:
        """A new, higher generation of a component; a repeated request may leave one out."""
        return self._count("generation", address)

    def journal(
        self, entry: JournalEntry, *, applied: Applied | None = None, forget: str | None = None
    ) -> None:
        """Append an entry and, in the same transaction, store an applied record or drop one.

        Conflict `applied-twice`, and nothing is written, for a second succeeded apply of a generation.
        """
        position = self._count("counter", "journal")
        mark = new_mark()
        writes = [self._new(dynamodb_state_copy.entry_item(self._table, entry, position, mark))]
        if completes_apply(entry):
            writes.append(self._new(self._table.key("completed", f"{entry.address}#{entry.generation}")))
        if applied is not None:
            record = {**self._table.key("applied", applied.address), **self._table.body(applied)}
            writes.append(("Put", {"Item": record}))
        if forget is not None:
            writes.append(("Delete", {"Key": self._table.key("applied", forget)}))
        if applied is not None or forget is not None:
            # Random, not counted: a table restored from a backup must not say an old number again.
            revision = {**self._table.key("revision", "applied"), "mark": text(new_mark())}
            writes.append(("Put", {"Item": revision}))
        try:
            self._table.transact(writes)
        except Conflict as error:
            if not self._table.holds(journal_partition(position), padded(position), mark):
                raise applied_twice(entry) from error

    def entries(self, *, run_id: str | None = None, address: str | None = None) -> tuple[JournalEntry, ...]:
        """Entries of a run, a component, both or all, in the order they were written."""
        order = {}
        if run_id is not None:
            order = {"index": "one", "begins": f"{run_id}#"}
        elif address is not None:
            order = {"index": "two", "begins": f"{address}#"}
        stored = (
            entry
            for partition in dynamodb_state_copy.partitions(self._table)
            for _, entry in self._table.query_with_values(partition, JournalEntry, **order)
        )
        return tuple(
            entry for entry in stored if run_id in {None, entry.run_id} and address in {None, entry.address}
        )

    def applied(self, address: str) -> Applied | None:
        """The applied record of a component."""
        stored = self._table.get_with_value("applied", address, Applied)
        return stored[1] if stored else None

    def all_applied(self) -> dict[str, Applied]:
        """All applied records, by address."""
        return {record.address: record for _, record in self._table.query_with_values("applied", Applied)}

    def applied_revision(self) -> str:
        """A token that changes whenever an applied record does; `0` before the first."""
        row = self._table.get("revision", "applied")
        return str(row["mark"]["S"]) if row else "0"

    # -- documents --------------------------------------------------------------------------------

    def put_document(
        self, kind: str, document_id: str, body: JsonObject, *, revision: int | None = None
    ) -> int:
        """Write and return the new revision; Conflict unless `revision` (0: new) is the stored one."""
        stored = self._table.body(body)
        try:
            return self._put_document(kind, document_id, stored, revision)
        except BaseException:
            self._table.drop_parts(stored)
            raise

    def document(self, kind: str, document_id: str) -> Document | None:
        """One document."""
        stored = self._table.get_with_value(_documents(kind), document_id, JsonObject)
        return _document(kind, *stored) if stored else None

    def documents(self, kind: str) -> tuple[Document, ...]:
        """All of a kind, by id."""
        stored = self._table.query_with_values(_documents(kind), JsonObject)
        return tuple(_document(kind, item, body) for item, body in stored)

    # -- the log's head, secrets ------------------------------------------------------------------

    def chain_head(self) -> ChainHead | None:
        """The log's newest event as last said by `move_chain_head`."""
        row = self._table.get("chain", "head")
        return ChainHead(seq=int(row["seq"]["N"]), hash=row["digest"]["S"]) if row else None

    def move_chain_head(self, head: ChainHead) -> None:
        """Move the head forward; a head that is not newer is ignored."""
        item = {**self._table.key("chain", "head"), "seq": number(head.seq), "digest": text(head.hash)}
        with suppress(Conflict):  # the stored one is as new or newer
            self._table.put(
                item,
                ConditionExpression="attribute_not_exists(pk) OR seq < :seq",
                ExpressionAttributeValues={":seq": number(head.seq)},
            )

    def reset_chain_head(self, head: ChainHead | None) -> None:
        """Put the head where it is said, or take it away."""
        if head is None:
            self._table.delete("chain", "head")
        else:
            item = {**self._table.key("chain", "head"), "seq": number(head.seq), "digest": text(head.hash)}
            self._table.put(item)

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at the first call, the same ever after."""
        row = self._table.get("secret", name)
        if row is None:
            made = {**self._table.key("secret", name), "secret": {"B": secrets.token_bytes(32)}}
            with suppress(Conflict):  # another process was faster; its secret counts
                self._table.put(made, ConditionExpression=_ABSENT)
            row = self._table.get("secret", name) or made
        return bytes(row["secret"]["B"])

    def copy_out(self) -> Iterator[StateRow]:
        """Everything but the leases; not of one moment where others write."""
        return dynamodb_state_copy.copy_out(self._table)

    def copy_in(self, rows: Iterable[StateRow]) -> None:
        """Replace everything but the leases."""
        dynamodb_state_copy.copy_in(self._table, rows)

    def close(self) -> None:
        """Close the connections."""
        self._table.close()

    # -- items ------------------------------------------------------------------------------------

    def _count(self, kind: str, sort: str) -> int:
        changed = self._table.update(
            kind, sort, "ADD #count :one", {":one": number(1)}, ExpressionAttributeNames={"#count": "count"}
        )
        return int(changed["count"]["N"])

    def _new(self, item: Item) -> tuple[str, AwsDocument]:
        return "Put", {"Item": item, "ConditionExpression": _ABSENT}

    def _put_document(self, kind: str, document_id: str, stored: Item, revision: int | None) -> int:
        while True:
            current = self._revision(kind, document_id)
            if revision is not None and revision != current:
                raise document_moved(kind, document_id, revision, current)
            if self._replace(kind, document_id, stored, current):
                return current + 1

    def _revision(self, kind: str, document_id: str) -> int:
        row = self._table.get(_documents(kind), document_id)
        return int(row["revision"]["N"]) if row else 0

    def _replace(self, kind: str, document_id: str, stored: Item, current: int) -> bool:
        """Write the revision after `current`; False where somebody was faster."""
        mark = new_mark()
        item = {
            **self._table.key(_documents(kind), document_id),
            **stored,
            "revision": number(current + 1),
            "mark": text(mark),
        }
        expected = {":found": number(current)} if current else None
        condition: AwsDocument = {"ConditionExpression": "revision = :found" if current else _ABSENT}
        condition |= {"ExpressionAttributeValues": expected} if expected else {}
        try:
            self._table.drop_parts(self._table.put(item, **condition))
        except Conflict:
            return self._table.holds(_documents(kind), document_id, mark)
        return True


def _documents(kind: str) -> str:
    return dynamodb_state_copy.DOCUMENTS.format(kind)


def _document(kind: str, item: Item, body: JsonObject) -> Document:
    return Document(kind=kind, id=item["sk"]["S"], body=body, revision=int(item["revision"]["N"]))
