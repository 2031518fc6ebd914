"""A sink in a DynamoDB table, indexed for reading.

The chain has one head because an event's item is put on the condition that its number is free, in one
transaction with the check that the event before it is the expected one. More events than one transaction
takes are appended in several, in order: a crash leaves a first part of them, as in every sink.
Indexes follow the table within a second or so; the chain itself is read consistently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from karma_core.errors import BadInput, Conflict, LogTampered, StoreUnavailable
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter
from karma_log.sinks import dynamodb_table as table
from karma_log.sinks.base import cut_off, head_moved
from karma_log.sinks.service import AwsDocument, Service

_TRANSACTION_ITEMS: Final = 100
_TRANSACTION_BYTES: Final = 3_500_000
"""100 items and 4 MB (TransactWriteItems), with room for keys and indexed attributes."""
_CANCELLED: Final = "TransactionCanceledException"
_LINE_BYTES: Final = 390_000
"""Longest line: an item has at most 400 KB (DynamoDB, item size), its indexed attributes included."""


class DynamoSink:
    """The events of one environment in `table_name`; threads and processes share it."""

    def __init__(
        self, service: Service, table_name: str, environment: str, *, name: str = "dynamodb"
    ) -> None:
        self.name = name
        self._service = service
        self._table = table_name
        self._environment = environment

    def head(self) -> ChainHead | None:
        """The newest event, read consistently."""
        newest = table.query(self._environment, EVERYTHING, 0)
        answer = self._service.call("query", **self._request(newest, newest_first=True), Limit=1)
        return next((chain.head_of(self._event(item)) for item in answer["Items"]), None)

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store the events if the newest stored one is `expected`; Conflict, and nothing stored, if not."""
        if events and (events[0].seq, events[0].prev) != _following(expected):
            raise head_moved(self.name, expected, self.head())
        before = expected
        for batch in _batches([(event, _line_size(event)) for event in events]):
            try:
                self._append(batch, before)
            except Conflict as error:
                if before != expected:
                    raise cut_off(self.name, error) from error
                raise
            before = chain.head_of(batch[-1])

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq; those found by a range of actions or times are sorted in memory."""
        asked = table.query(self._environment, query, after_seq, before_seq)
        items = self._items(asked, newest_first=newest_first)
        if not asked.by_seq:
            items = iter(sorted(items, key=_seq, reverse=newest_first))
        for item in items:
            event = self._event(item)
            inside = event.seq > after_seq and (before_seq is None or event.seq < before_seq)
            if inside and query.matches(event):
                yield event

    def event(self, event_id: str) -> Event | None:
        """One event."""
        events = map(self._event, self._items(table.query_id(self._environment, event_id)))
        return next((event for event in events if event.id == event_id), None)

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The items by their number."""
        for item in self._items(table.query(self._environment, EVERYTHING, after_seq)):
            seq = _seq(item)
            place = f"{self._table} item {self._environment}/{seq}"
            yield StoredLine(raw=_line(item), place=place, seq=seq)

    def index_faults(self) -> Iterator[str]:
        """Items whose attributes, by which the indexes find them, are not those that follow from the line.

        One more pass over the table. Altered lines are the chain's to say.
        """
        for item in self._items(table.query(self._environment, EVERYTHING, 0)):
            try:
                wanted = table.item(self._event(item))
            except LogTampered:
                continue
            differing = sorted(
                name for name in item.keys() | wanted.keys() if item.get(name) != wanted.get(name)
            )
            if differing and differing != ["line"]:
                yield f"event {_seq(item)} is not found as what it is by {', '.join(differing)}"

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def _append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        writes: list[AwsDocument] = [self._put(event) for event in events]
        if expected is not None:
            writes.insert(0, self._check(expected))
        try:
            self._service.call("transact_write_items", TransactItems=writes)
        except (Conflict, StoreUnavailable) as error:
            # Of two transactions on the same items at once DynamoDB cancels one: another writer was faster.
            if not isinstance(error, Conflict) and error.facts.get("aws_code") != _CANCELLED:
                raise
            # A repeated transaction whose first answer was lost finds its own items.
            if self._newest_of(events) != chain.line(events[-1]):
                raise head_moved(self.name, expected, self.head()) from error

    def _put(self, event: Event) -> AwsDocument:
        condition = "attribute_not_exists(seq)"
        put = {"TableName": self._table, "Item": table.item(event), "ConditionExpression": condition}
        return {"Put": put}

    def _check(self, expected: ChainHead) -> AwsDocument:
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": table.key(self._environment, expected.seq),
                "ConditionExpression": "#h = :hash",
                "ExpressionAttributeNames": {"#h": "hash"},
                "ExpressionAttributeValues": {":hash": {"S": expected.hash}},
            }
        }

    def _newest_of(self, events: Sequence[Event]) -> bytes | None:
        key = table.key(self._environment, events[-1].seq)
        answer = self._service.call("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        return _line(answer["Item"]) if "Item" in answer else None

    def _items(self, query: table.Query, *, newest_first: bool = False) -> Iterator[AwsDocument]:
        request = self._request(query, newest_first=newest_first)
        pages = self._service.pages("query", request, by="ExclusiveStartKey", given="LastEvaluatedKey")
        return (item for page in pages for item in page["Items"])

    def _request(self, query: table.Query, *, newest_first: bool) -> AwsDocument:
        where = {"IndexName": query.index} if query.index else {"ConsistentRead": True}
        return {
            "TableName": self._table,
            "KeyConditionExpression": query.condition,
            "ExpressionAttributeNames": query.names,
            "ExpressionAttributeValues": query.values,
            "ScanIndexForward": not newest_first,
            **where,
        }

    def _event(self, item: AwsDocument) -> Event:
        return chain.read_line(_line(item), where=f"item {_seq(item)} in {self._table}")


def _following(head: ChainHead | None) -> tuple[int, str]:
    """Number and `prev` of the event that follows a head."""
    return (head.seq + 1, head.hash) if head else (1, chain.GENESIS)


def _seq(item: AwsDocument) -> int:
    return int(item["seq"]["N"])


def _line(item: AwsDocument) -> bytes:
    """The stored line as bytes; empty where somebody took it away."""
    return str(item.get("line", {}).get("S", "")).encode()


def _line_size(event: Event) -> int:
    size = len(chain.line(event))
    if size > _LINE_BYTES:
        raise BadInput(
            f"event {event.action} cannot be written to the log",
            why=f"it has {size:,} bytes, and DynamoDB takes items of 400 KB",
            next_step="put the large part into an artifact and name its key in the event",
            code="event",
        )
    return size


def _batches(sized: Sequence[tuple[Event, int]]) -> Iterator[list[Event]]:
    """What one transaction takes, one item kept free for the check of the event before."""
    batch: list[Event] = []
    total = 0
    for event, size in sized:
        if batch and (len(batch) == _TRANSACTION_ITEMS - 1 or total + size > _TRANSACTION_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(event)
        total += size
    if batch:
        yield batch
