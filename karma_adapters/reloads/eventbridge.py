"""The reload action `eventbridge`: an event on a bus."""

from __future__ import annotations

from karma_adapters.reloads.aws import MakeClient, translated
from karma_adapters.reloads.order import Order
from karma_core import strictjson
from karma_core.reload_actions import EventBridge


class EventBridgeAction:
    """Puts one event; EventBridge has no idempotency key, so the detail carries it."""

    def __init__(self, client: MakeClient) -> None:
        self._client = client

    def __call__(self, action: EventBridge, order: Order) -> str:
        """Put the event; DeployFailed if the bus did not accept it."""
        bus = order.filled(action.bus)
        what = f"the reload event on {bus}"
        entry = {
            "EventBusName": bus,
            "Source": order.filled(action.source),
            "DetailType": order.filled(action.detail_type),
            "Detail": strictjson.canonical(order.message(action.detail)).decode(),
        }
        with translated(what, order):
            answer = self._client("events", action.region, order.seconds).put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            refused = answer["Entries"][0]
            raise order.failed(what, f"{refused.get('ErrorCode', '')}: {refused.get('ErrorMessage', '')}")
        return f"put {entry['DetailType']} on {bus}"
