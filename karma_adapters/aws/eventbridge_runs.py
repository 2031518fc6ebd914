"""Runs ordered by an event on an EventBridge bus: for a rule there that calls Prefect."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Final

from karma_adapters.aws.api import Api
from karma_core import strictjson
from karma_core.errors import Conflict, NotFound, StoreUnavailable
from karma_core.ids import shown
from karma_core.ports import StateStore

SOURCE: Final = "karma"
DETAIL_TYPE: Final = "Karma run ordered"
FLOWS: Final = (
    "change-run", "deploy", "destroy", "drift-check", "graph-rebuild", "pull-request-check", "push-run",
)  # fmt: skip
"""The flows that an event can start."""
KIND: Final = "run-order"
"""Kind of the state store's documents that remember which orders the bus has taken."""
NAMESPACE: Final = uuid.UUID("6b61726d-6100-5000-8000-72756e6f7264")
"""Ours: run ids are version 5 UUIDs of their idempotency keys in it."""


class EventBridgeRuns:
    """A RunStarter whose orders are events `{flow, parameters, idempotency_key, run_id}`.

    An order is remembered once the bus has taken it. A process that dies between the two, or two at once,
    send it twice under one run id: who carries orders out takes the id, or the key, once.
    """

    def __init__(self, events: Api, bus: str, state: StateStore) -> None:
        self._events = events
        self._bus = bus
        self._state = state

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        """Send the order, unless the bus took it before; the run's id follows from the key."""
        if flow not in FLOWS:
            raise NotFound(
                f"there is no flow {shown(flow)}",
                next_step=f"order one of {', '.join(FLOWS)}",
                code="no-deployment",
            )
        run_id = str(uuid.uuid5(NAMESPACE, idempotency_key))
        if self._state.document(KIND, run_id) is not None:
            return run_id
        self._send(
            {
                "flow": flow,
                "parameters": dict(parameters),
                "idempotency_key": idempotency_key,
                "run_id": run_id,
            }
        )
        try:
            key = strictjson.bytes_digest(idempotency_key.encode())
            self._state.put_document(KIND, run_id, {"flow": flow, "key": key}, revision=0)
        except Conflict:
            pass  # another process has sent the same order at the same time
        return run_id

    def _send(self, order: Mapping[str, object]) -> None:
        entry = {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps(order, sort_keys=True),
            "EventBusName": self._bus,
        }
        answer = self._events.call("put_events", Entries=[entry])
        if answer.get("FailedEntryCount"):
            failed = answer["Entries"][0]
            raise StoreUnavailable(
                f"the event bus {self._bus} did not take the order of {order['flow']}",
                why=f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}",
                next_step="try again under the same key",
                code="event-bus",
            )
