"""Orders of runs from a queue: each is started once, none is lost, and what is no order does no harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import Event

import pytest

from flows.orders import take_orders
from karma_adapters.aws.api import Api
from karma_adapters.aws.ordered_runs import OrderQueue, Taken
from karma_core.errors import StoreUnavailable
from tests import local_aws
from tests.served_system import RecordedRuns

ORDER = {"flow": "deploy", "parameters": {"everything": True}, "idempotency_key": "once", "run_id": "r"}


class Queue:
    """A queue in a local AWS from which an order can be taken again at once, with its dead letters."""

    def __init__(self, sqs: Api) -> None:
        self.sqs = sqs
        self.dead = sqs.call("create_queue", QueueName="orders-dead")["QueueUrl"]
        arn = sqs.call("get_queue_attributes", QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"]
        redrive = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 2})
        wanted = {"VisibilityTimeout": "0", "RedrivePolicy": redrive}
        self.url = sqs.call("create_queue", QueueName="orders", Attributes=wanted)["QueueUrl"]

    def send(self, detail: object) -> None:
        """As EventBridge sends it."""
        body = json.dumps({"source": "karma", "detail": detail})
        self.sqs.call("send_message", QueueUrl=self.url, MessageBody=body)

    def waiting(self, url: str = "") -> int:
        """Messages that are there."""
        wanted = ["ApproximateNumberOfMessages"]
        answer = self.sqs.call("get_queue_attributes", QueueUrl=url or self.url, AttributeNames=wanted)
        return int(answer["Attributes"][wanted[0]])


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """An empty queue."""
    return Queue(local_aws.api(local_aws.fresh(monkeypatch), "sqs"))


class Down:
    """A Prefect API that does not answer."""

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        raise StoreUnavailable("the Prefect API does not answer", next_step="start it", code="prefect")


def test_an_order_that_comes_twice_starts_one_run(queue: Queue) -> None:
    """SQS delivers at least once; the key is the starter's. Taken orders are gone."""
    runs = RecordedRuns()
    queue.send(ORDER)
    queue.send(ORDER)
    taken = OrderQueue(queue.sqs, queue.url, runs).take(wait_seconds=0)
    assert taken == [Taken(flow="deploy", run_id="run-0")] * 2
    assert runs.started == [("deploy", {"everything": True}, "once")]
    assert queue.waiting() == 0


def test_an_order_that_cannot_be_started_stays(queue: Queue) -> None:
    """Where Prefect is down the order is taken again, and is in the dead-letter queue in the end."""
    queue.send(ORDER)
    orders = OrderQueue(queue.sqs, queue.url, Down())
    for _ in range(2):
        assert orders.take(wait_seconds=0) == [
            Taken(flow="deploy", problem="prefect: the Prefect API does not answer")
        ]
    assert orders.take(wait_seconds=0) == []
    assert queue.waiting(queue.dead) == 1


@pytest.mark.parametrize("detail", [None, [], "text", {}, {"flow": "deploy"}])
def test_what_is_no_order_starts_nothing(queue: Queue, detail: object) -> None:
    """It is left for the dead-letter queue, and the others are taken."""
    runs = RecordedRuns()
    queue.send(detail)
    queue.send(ORDER)
    taken = OrderQueue(queue.sqs, queue.url, runs).take(wait_seconds=0)
    assert sorted(bool(one.problem) for one in taken) == [False, True]
    assert len(runs.started) == 1


def test_the_loop_ends_when_it_is_told(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what became of each order, and looks for the end between two answers."""
    ending, said = Event(), []
    monkeypatch.setattr("flows.orders._say", lambda line: (said.append(line), ending.set()))
    queue.send(ORDER)
    take_orders(OrderQueue(queue.sqs, queue.url, RecordedRuns()), ending)
    assert said == ["deploy: run run-0"]
