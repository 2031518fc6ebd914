"""The events' table in DynamoDB: its shape, an event as its item, and a filter as a query (never a scan).

The key is (environment, seq): one chain of an environment is one partition in order. Every other attribute
serves an index and holds nothing that the line does not say; what an index finds is checked against the line
again, so that long values may be cut to what a key can hold.
"""

from __future__ import annotations

from typing import Final

from karma_core.model import Record
from karma_core.records import Event
from karma_log import chain
from karma_log.filters import Filter
from karma_log.sinks.service import AwsDocument

_CUT: Final = 250
"""Characters of a value in a key; 4 bytes each at most stay below a sort key's 1,024 with what is added."""
_LAST: Final = "\U0010ffff"
"""Above every text that begins alike."""
_BY_SEQ: Final = ("component", "user", "run_id")
"""Fields with an index of their own, in the order in which a filter uses the first that it names."""

Value = dict[str, str]
"""An attribute value as DynamoDB takes it, `{"S": …}` or `{"N": …}`."""


class Query(Record, frozen=True, kw_only=True):
    """One query: the index (empty: the table itself), its condition, and whether it comes by seq."""

    index: str
    condition: str
    values: dict[str, Value]
    names: dict[str, str]
    by_seq: bool


def definition(table: str) -> AwsDocument:
    """The request of CreateTable."""
    indexes = {
        **{f"by_{field}": (f"of_{field}", "seq") for field in _BY_SEQ},
        "by_id": ("of_id", None),
        "by_action": ("environment", "action_seq"),
        "by_time": ("environment", "time_seq"),
    }
    texts = ["environment", *(f"of_{field}" for field in (*_BY_SEQ, "id")), "action_seq", "time_seq"]
    kinds = [{"AttributeName": name, "AttributeType": "S"} for name in texts]
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [*kinds, {"AttributeName": "seq", "AttributeType": "N"}],
        "KeySchema": _keys("environment", "seq"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": _keys(*keys),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["line"]},
            }
            for name, keys in sorted(indexes.items())
        ],
    }


def item(event: Event) -> dict[str, Value]:
    """The event as an item."""
    environment = event.environment
    made = {
        "environment": {"S": environment},
        "seq": number(event.seq),
        "line": {"S": chain.line(event).decode()},
        "hash": {"S": event.hash},
        "of_id": {"S": _of(environment, event.id)},
        "action_seq": {"S": f"{event.action[:_CUT]}#{event.seq:015d}"},
        "time_seq": {"S": f"{event.timestamp}#{event.seq:015d}"},
    }
    for field in _BY_SEQ:
        value = getattr(event, field)
        if value is not None:
            made[f"of_{field}"] = {"S": _of(environment, value)}
    return made


def key(environment: str, seq: int) -> dict[str, Value]:
    """An item's primary key."""
    return {"environment": {"S": environment}, "seq": number(seq)}


def number(value: int) -> Value:
    """A number as DynamoDB takes it."""
    return {"N": str(value)}


def query_id(environment: str, event_id: str) -> Query:
    """Events with an id."""
    return _equal("by_id", "of_id", _of(environment, event_id))


def query(environment: str, wanted: Filter, after_seq: int, before_seq: int | None = None) -> Query:
    """Events that may match, from the narrowest index; the caller checks each against the filter."""
    for field in _BY_SEQ:
        value = getattr(wanted, field)
        if value is not None:
            narrowest = _equal(f"by_{field}", f"of_{field}", _of(environment, value))
            return _inside(narrowest, after_seq, before_seq)
    if wanted.action is not None and wanted.action.rstrip("*"):
        return _by_action(environment, wanted.action, before_seq)
    if wanted.since is not None or wanted.until is not None:
        low, high = wanted.since or "", (wanted.until or "") + _LAST
        return _between("by_time", environment, "time_seq", low, high, by_seq=False)
    return _inside(_equal("", "environment", environment), after_seq, before_seq)


def _by_action(environment: str, action: str, before_seq: int | None) -> Query:
    """Return the query by action: one action is sorted by seq, a prefix by name."""
    several = action.endswith("*")
    start = action.removesuffix("*")[:_CUT] if several else f"{action[:_CUT]}#"
    last = _LAST if several or before_seq is None else f"{max(0, before_seq - 1):015d}"
    return _between("by_action", environment, "action_seq", start, start + last, by_seq=not several)


def _equal(index: str, attribute: str, value: str) -> Query:
    values = {":partition": {"S": value}}
    return Query(
        index=index, condition="#p = :partition", values=values, names={"#p": attribute}, by_seq=True
    )


def _inside(query_so_far: Query, after: int, before: int | None) -> Query:
    """Narrow a query to numbers between the two; DynamoDB takes one condition on a sort key."""
    values: dict[str, Value] = {}
    if after > 0 and before is not None:
        # BETWEEN includes both ends, and its first must not be the greater.
        condition = "#r BETWEEN :low AND :high"
        values = {":low": number(after + 1), ":high": number(max(after + 1, before - 1))}
    elif after > 0:
        condition, values = "#r > :after", {":after": number(after)}
    elif before is not None:
        condition, values = "#r < :before", {":before": number(before)}
    else:
        return query_so_far
    return Query(
        index=query_so_far.index,
        condition=f"{query_so_far.condition} AND {condition}",
        values={**query_so_far.values, **values},
        names={**query_so_far.names, "#r": "seq"},
        by_seq=True,
    )


def _between(index: str, environment: str, attribute: str, low: str, high: str, *, by_seq: bool) -> Query:
    return Query(
        index=index,
        condition="#p = :partition AND #r BETWEEN :low AND :high",
        values={":partition": {"S": environment}, ":low": {"S": low or " "}, ":high": {"S": high}},
        names={"#p": "environment", "#r": attribute},
        by_seq=by_seq,
    )


def _keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys


def _of(environment: str, value: str) -> str:
    return f"{environment}#{value[:_CUT]}"
