"""Runs ordered over EventBridge: once a key, and lost never."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_core.errors import Refused, StoreUnavailable
from karma_core.use_cases.access.vouching import ordered_by, vouch
from karma_core.workspace import Actor
from tests.memory.state import MemoryState
from tests.memory_system import Clock, System


class Bus:
    """Takes events, or says that it cannot."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.failing = False

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        assert operation == "put_events"
        if self.failing:
            entry = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
            return {"FailedEntryCount": 1, "Entries": [entry]}
        self.taken += request["Entries"]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


def test_a_key_orders_one_run() -> None:
    """The same key is the same run, also in another process; another key is another run."""
    bus, state = Bus(), MemoryState(clock=Clock())
    order = {"change_id": "c-1", "environment": "dev"}
    first = _runs(bus, state).start("change-run", order, idempotency_key="k")
    assert _runs(bus, state).start("change-run", order, idempotency_key="k") == first
    assert len(bus.taken) == 1
    assert _runs(bus, state).start("change-run", order, idempotency_key="l") != first
    detail = json.loads(bus.taken[0]["Detail"])
    assert detail == {
        "flow": "change-run", "parameters": order, "idempotency_key": "k", "run_id": first
    }  # fmt: skip
    assert (bus.taken[0]["Source"], bus.taken[0]["EventBusName"]) == ("karma", "runs")


def test_an_order_that_was_not_taken_is_sent_again() -> None:
    """A bus that refuses is StoreUnavailable, and the next call under the key sends the order."""
    bus, state = Bus(), MemoryState(clock=Clock())
    bus.failing = True
    with pytest.raises(StoreUnavailable, match="did not take") as caught:
        _runs(bus, state).start("change-run", {}, idempotency_key="k")
    assert caught.value.code == "event-bus"
    bus.failing = False
    _runs(bus, state).start("change-run", {}, idempotency_key="k")
    assert len(bus.taken) == 1


def test_an_event_says_who_ordered_it_and_no_more_can_be_made_of_it() -> None:
    """Whoever carries it out acts as the order says; an altered or invented event does not."""
    system, bus = System(), Bus()
    ann = replace(system.workspace, actor=Actor(user="ann", source="lambda", proof="oidc"))
    who = {"environment": "test", "requested_by": "ann", "source": "lambda"}
    given = vouch(ann, "deploy", {**who, "targets": ["a/one"]})
    run_id = _runs(bus, system.state).start("deploy", given, idempotency_key="k")
    sent = json.loads(bus.taken[0]["Detail"])["parameters"]
    label = replace(system.workspace, actor=Actor(user="boss", source="flow"))
    actor = ordered_by(label, sent["order"], "deploy", {**sent, "requested_by": "boss"}, run_id)
    assert (actor.user, actor.source, actor.proof) == ("ann", "lambda", "oidc")
    for forged in ({"targets": ["b/two"]}, {"order": "0" * 43}):
        altered = {**sent, **forged}
        with pytest.raises(Refused) as caught:
            ordered_by(label, str(altered["order"]), "deploy", altered, run_id)
        assert caught.value.code == "order-not-vouched"
    assert ordered_by(label, "", "deploy", sent, run_id).proof == ""
    assert [e.status for e in system.log.events(action="access")] == ["denied"] * 2


def _runs(bus: Bus, state: MemoryState) -> EventBridgeRuns:
    return EventBridgeRuns(bus, "runs", state)  # type: ignore[arg-type]  # a stand-in of the one call
