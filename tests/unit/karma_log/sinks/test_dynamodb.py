"""The sink in DynamoDB, where its service is not alone with the table."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import StoreUnavailable
from karma_core.records import Event
from karma_log import chain
from karma_log.log import Log
from karma_log.sinks.dynamodb import DynamoSink
from tests.make_events import make_event
from tests.memory.state import MemoryState


class Crowded:
    """A table with two events of another writer, which is faster once: it has `others` written then.

    `code` is what DynamoDB says to ours.
    """

    def __init__(self, code: str) -> None:
        self.items: list[dict[str, Any]] = []
        self._code = code
        self._met = False

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """As much of DynamoDB as an append needs."""
        if operation == "query":
            return {"Items": self.items[-1:]}
        if operation == "get_item":
            number = int(request["Key"]["seq"]["N"])
            matching = [item for item in self.items if int(item["seq"]["N"]) == number]
            return {"Item": matching[0]} if matching else {}
        assert operation == "transact_write_items"
        puts = [write["Put"]["Item"] for write in request["TransactItems"] if "Put" in write]
        if not self._met:
            self._met = True
            self.items += _items(chain.link([make_event(99)], None))
            raise StoreUnavailable("it was cancelled", aws_code=self._code, throttled=True)
        self.items += puts
        return {}

    def pages(self, operation: str, request: dict[str, Any], *, by: str, given: str = "") -> Any:
        """One page."""
        del request, by, given
        assert operation == "query"
        return iter([{"Items": list(self.items)}])

    def content(self, **_: Any) -> bytes:
        """There are no objects here."""
        raise AssertionError

    def close(self) -> None:
        """Nothing is open."""


def _items(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    return [
        {"seq": {"N": str(event.seq)}, "line": {"S": chain.line(event).decode()}, "hash": {"S": event.hash}}
        for event in events
    ]


def test_a_transaction_that_another_one_is_in_the_way_of_is_tried_behind_it() -> None:
    """DynamoDB cancels one of two at once: the event is appended all the same, as in every other sink."""
    table = Crowded("TransactionCanceledException")
    log = Log(DynamoSink(table, "events", "dev"), MemoryState())
    assert log.append(make_event(1)).seq == 2
    assert [int(item["seq"]["N"]) for item in table.items] == [1, 2]


def test_a_table_that_does_not_answer_is_an_error() -> None:
    """Nothing is known of what was written."""
    log = Log(DynamoSink(Crowded("ReadTimeoutError"), "events", "dev"), MemoryState())
    with pytest.raises(StoreUnavailable):
        log.append(make_event(1))
