"""The state store's table in DynamoDB: keys, bodies, consistent reads and conditional writes.

A partition is one kind of thing in one environment (`dev#applied`). The two local indexes `one` and `two`
order a partition otherwise and are read consistently, as a resume needs the journal; because of them the
items of one partition may have 10 GB together (AWS: local secondary indexes). What grows for ever is
therefore in many partitions: the journal by position (`dev#journal`, `dev#journal.1`, …), parts by their
names. Bodies are compressed JSON; one that an item cannot hold continues in part items.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from karma_adapters.aws.api import Api, pauses
from karma_adapters.aws.failures import IN_THE_WAY
from karma_core.decoding import decode
from karma_core.errors import StoreError, StoreUnavailable
from karma_core.exact_numbers import encode
from karma_core.json_types import JsonValue
from karma_log.sinks.service import AwsDocument

INDEXES: Final = ("one", "two")
_CHUNK: Final = 350_000
"""Bytes of a body in one item; an item has at most 400 KB with all its attributes (DynamoDB)."""
_PARTS: Final = "part"
_SPREAD: Final = "s"
"""Begins the names of parts in partitions of their own; names of 0.1 are hexadecimal, in one partition."""
JOURNAL: Final = "journal"
JOURNAL_ENTRIES: Final = 500_000
"""Entries of one partition. Ours: 10 GB leave 20 KB for each, its copies in both indexes included."""

Value = AwsDocument
Item = dict[str, Value]
_Stored = TypeVar("_Stored")
_encode = encode


def definition(table: str) -> AwsDocument:
    """The request of CreateTable."""
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", *INDEXES)
        ],
        "KeySchema": _keys("sk"),
        "LocalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _keys(name), "Projection": {"ProjectionType": "ALL"}}
            for name in INDEXES
        ],
    }


def text(value: str) -> Value:
    """A text as DynamoDB takes it."""
    return {"S": value}


def number(value: float) -> Value:
    """A number as DynamoDB takes it, to the last digit."""
    return {"N": repr(value)}


def padded(value: int) -> str:
    """A number as a sort key."""
    return f"{value:015d}"


def new_mark() -> str:
    """Random text that tells one write from all others."""
    return secrets.token_hex(8)


class StateTable:
    """Items of one environment in `name`."""

    def __init__(self, api: Api, name: str, environment: str) -> None:
        self._api = api
        self._name = name
        self._environment = environment

    # -- reading ----------------------------------------------------------------------------------

    def get(self, kind: str, sort: str) -> Item | None:
        """One item, read consistently."""
        row: Item | None = self._api.call(
            "get_item", TableName=self._name, Key=self.key(kind, sort), ConsistentRead=True
        ).get("Item")
        return row

    def query(
        self, kind: str, *, index: str = "", begins: str = "", newest_first: bool = False, limit: int = 0
    ) -> Iterator[Item]:
        """A partition in the order of its sort key or of an index, read consistently."""
        request: AwsDocument = {
            "TableName": self._name,
            "KeyConditionExpression": "#pk = :pk" + (" AND begins_with(#sk, :sk)" if begins else ""),
            "ExpressionAttributeNames": {"#pk": "pk", **({"#sk": index or "sk"} if begins else {})},
            "ExpressionAttributeValues": {
                ":pk": self.key(kind, "")["pk"],
                **({":sk": text(begins)} if begins else {}),
            },
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
            **({"IndexName": index} if index else {}),
            **({"Limit": limit} if limit else {}),
        }
        pages = self._api.pages("query", request, by="ExclusiveStartKey", given="LastEvaluatedKey")
        return (item for page in pages for item in page["Items"])

    def key(self, kind: str, sort: str) -> Item:
        """The primary key of an item."""
        return {"pk": text(f"{self._environment}#{kind}"), "sk": text(sort)}

    # -- writing ----------------------------------------------------------------------------------

    def put(self, item: Item, **condition: Any) -> Item | None:
        """Put an item and return the one that it replaced; Conflict where a condition does not hold."""
        request = {"TableName": self._name, "Item": item, "ReturnValues": "ALL_OLD", **condition}
        replaced: Item | None = self._write("put_item", request).get("Attributes")
        return replaced

    def update(self, kind: str, sort: str, expression: str, values: Item, **more: Any) -> Item:
        """Update an item in place, and return its changed attributes."""
        request = {"TableName": self._name, "Key": self.key(kind, sort), "UpdateExpression": expression}
        request |= {"ExpressionAttributeValues": values, "ReturnValues": "UPDATED_NEW"}
        changed: Item = self._write("update_item", {**request, **more}).get("Attributes", {})
        return changed

    def delete(self, kind: str, sort: str) -> Item | None:
        """Delete an item and return it."""
        request = {"TableName": self._name, "Key": self.key(kind, sort), "ReturnValues": "ALL_OLD"}
        deleted: Item | None = self._write("delete_item", request).get("Attributes")
        return deleted

    def transact(self, writes: Sequence[tuple[str, AwsDocument]]) -> None:
        """All writes or none (`("Put", {…})`); Conflict where a condition does not hold."""
        items = [{kind: {"TableName": self._name, **write}} for kind, write in writes]
        self._write("transact_write_items", {"TransactItems": items})

    def _write(self, operation: str, request: AwsDocument) -> AwsDocument:
        """The answer to a write, which is repeated while a transaction on the same items is in its way."""
        failed: StoreUnavailable | None = None
        for _ in pauses(self._api.deadline_seconds):
            try:
                return self._api.call(operation, **request)
            except StoreUnavailable as error:
                if error.facts.get("aws_code") not in IN_THE_WAY:
                    raise
                failed = error
        raise failed or AssertionError("there is always a first attempt")

    def holds(self, kind: str, sort: str, mark: str) -> bool:
        """Whether the item carries this write's mark, so that only the answer was lost."""
        row = self.get(kind, sort)
        return row is not None and row.get("mark") == text(mark)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    # -- bodies -----------------------------------------------------------------------------------

    def body(self, value: JsonValue) -> Item:
        """Attributes that hold a value; parts that its item cannot hold are written at once."""
        raw = zlib.compress(_encode(value), 1)
        chunks = [raw[start : start + _CHUNK] for start in range(0, len(raw), _CHUNK)]
        attributes: Item = {"body": {"B": chunks[0]}}
        if len(chunks) > 1:
            name = _SPREAD + new_mark()
            for count, chunk in enumerate(chunks[1:], 1):
                self.put({**self.key(_parts(name), _part(name, count)), "body": {"B": chunk}})
            attributes |= {"parts": text(name), "count": number(len(chunks) - 1)}
        return attributes

    def value(self, item: Item, kind: type[_Stored]) -> _Stored | None:
        """The value of an item's body; None where it was replaced while it was read: read it again."""
        raw = bytes(item["body"]["B"])
        for count in range(1, _count(item) + 1):
            name = item["parts"]["S"]
            part = self.get(_parts(name), _part(name, count))
            if part is None:
                return None
            raw += bytes(part["body"]["B"])
        try:
            return decode(zlib.decompress(raw), kind)
        except (zlib.error, msgspec.MsgspecError, UnicodeError) as error:
            raise self._damaged(f"a {kind.__name__} in {item['pk']['S']} cannot be read: {error}") from error

    def get_with_value(self, kind: str, sort: str, body_type: type[_Stored]) -> tuple[Item, _Stored] | None:
        """An item with its value, both of one moment; None where there is none."""
        for _ in pauses(self._api.deadline_seconds):
            item = self.get(kind, sort)
            if item is None:
                return None
            value = self.value(item, body_type)
            if value is not None:
                return item, value
        raise self._damaged(f"parts of {kind} {sort} are missing")

    def query_with_values(
        self, kind: str, body_type: type[_Stored], **query: Any
    ) -> Iterator[tuple[Item, _Stored]]:
        """The items of a query with their values; one that is gone when its parts are read is left out."""
        for item in self.query(kind, **query):
            value = self.value(item, body_type)
            pair = (
                (item, value) if value is not None else self.get_with_value(kind, item["sk"]["S"], body_type)
            )
            if pair is not None:
                yield pair[0], pair[1]

    def drop_parts(self, item: Mapping[str, Value] | None) -> None:
        """Delete the part items of a replaced or deleted item."""
        for count in range(1, _count(item or {}) + 1):
            name = (item or {})["parts"]["S"]
            self.delete(_parts(name), _part(name, count))

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"damage in the table {self._name}",
            why=why,
            next_step="restore the table to a point in time before the damage",
            code="database-damaged",
        )


def _keys(sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def journal_partition(position: int) -> str:
    """The partition of the journal's entry at a position, which is counted from 1."""
    number_of_it = (position - 1) // JOURNAL_ENTRIES
    return f"{JOURNAL}.{number_of_it}" if number_of_it else JOURNAL


def journal_partitions(last: int) -> tuple[str, ...]:
    """The journal's partitions in order, where `last` is the last position."""
    return tuple(journal_partition(first) for first in range(1, max(last, 1) + 1, JOURNAL_ENTRIES))


def _parts(name: str) -> str:
    """The partition of a body's parts: 256 of them, by the name."""
    return f"{_PARTS}.{name[1:3]}" if name.startswith(_SPREAD) else _PARTS


def _part(name: str, count: int) -> str:
    return f"{name}#{count:04d}"


def _count(item: Mapping[str, Value]) -> int:
    return int(item["count"]["N"]) if "parts" in item else 0
