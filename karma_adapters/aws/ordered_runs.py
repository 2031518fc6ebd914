"""Takes the orders of runs that wait in an SQS queue, and starts each by a RunStarter.

A message is deleted once its run was started. What cannot be started now is left: another try sees it when
its visibility time-out has passed, and after as many tries as the queue allows it is in the dead-letter
queue. An order that comes twice starts one run, since its idempotency key is the starter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from karma_adapters.aws.api import Api
from karma_core import strictjson
from karma_core.errors import KarmaError, UsageError
from karma_core.json_types import JsonObject
from karma_core.model import Record

WAIT_SECONDS: Final = 5
"""How long SQS waits for a message before it answers that there is none; less than a client waits for SQS."""
AT_ONCE: Final = 10
"""Messages of one answer, SQS's most (ReceiveMessage)."""


class Starter(Protocol):
    """Who starts runs."""

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        """Start a run once for each key, and return its id."""
        ...


class Taken(Record, frozen=True, kw_only=True):
    """What became of one order: the run that was started, or why none was."""

    flow: str
    run_id: str = ""
    problem: str = ""


class OrderQueue:
    """The orders in the queue at `url`."""

    def __init__(self, sqs: Api, url: str, starter: Starter) -> None:
        self._sqs = sqs
        self._url = url
        self._starter = starter

    def take(self, *, wait_seconds: int = WAIT_SECONDS) -> list[Taken]:
        """Start the runs of the next orders, ten at most; empty where none came in time."""
        answer = self._sqs.call(
            "receive_message",
            QueueUrl=self._url,
            MaxNumberOfMessages=AT_ONCE,
            WaitTimeSeconds=wait_seconds,
        )
        return [self._started(message) for message in answer.get("Messages", ())]

    def _started(self, message: JsonObject) -> Taken:
        flow = ""
        try:
            order = _order(str(message["Body"]))
            flow = str(order["flow"])
            run_id = self._starter.start(
                flow, order["parameters"], idempotency_key=str(order["idempotency_key"])
            )
        except KarmaError as error:  # it stays in the queue
            return Taken(flow=flow, problem=f"{error.code}: {error.what}")
        self._sqs.call("delete_message", QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return Taken(flow=flow, run_id=run_id)


def _order(body: str) -> JsonObject:
    """The order in an event of EventBridge; UsageError for anything else."""
    event = strictjson.parse_object(body.encode(), where="the message")
    detail = event.get("detail")
    keys = ("flow", "parameters", "idempotency_key")
    if not isinstance(detail, dict) or not all(key in detail for key in keys):
        raise UsageError(
            "a message in the queue of orders is none",
            why=f"its `detail` does not have {', '.join(keys)}",
            next_step="let only the rule of deployments/aws send to the queue",
        )
    return detail
