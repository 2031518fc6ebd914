"""A local AWS for tests: moto's HTTP server in this process, on a free port of the loopback address."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import Any

import httpx
import pytest
from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer

from karma_adapters.aws import state_table
from karma_adapters.aws.access import ATTEMPTS, Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.dynamodb_state import DynamoState
from karma_adapters.aws.s3_artifacts import S3Artifacts
from karma_adapters.aws.ssm import SsmParameters
from karma_core.ports import Clock
from karma_log.sinks import dynamodb_table
from karma_log.sinks.dynamodb import DynamoSink
from karma_log.sinks.s3 import S3Sink

REGION = "eu-central-1"
BUCKET = "karma-artifacts"
EVENTS = "karma-log"
STATE = "karma-state"


def make_items_atomic() -> None:
    """Let moto answer one request on DynamoDB at a time: it checks a condition and writes in two steps.

    DynamoDB itself serialises the writes of an item (its Developer Guide, "Conditional writes").
    """
    lock, answer = Lock(), DynamoHandler.call_action

    def one_at_a_time(handler: DynamoHandler) -> Any:
        with lock:
            return answer(handler)

    DynamoHandler.call_action = one_at_a_time  # type: ignore[method-assign]


@cache
def url() -> str:
    """Where the server listens; it is started by the first who asks, and ends with the process."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    make_items_atomic()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def fresh(monkeypatch: pytest.MonkeyPatch) -> Access:
    """Access to an account that holds nothing."""
    credentials(monkeypatch)
    httpx.post(f"{url()}/moto-api/reset", timeout=10).raise_for_status()
    return Access(region=REGION, endpoint_url=url())


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test credentials, and no file of the user's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    values = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@cache
def api(access: Access, service: str, attempts: int = ATTEMPTS) -> Api:
    """One client a service for all tests: making one takes longer than most tests."""
    return Api(access, service, attempts=attempts)


def parameters(access: Access, **options: Any) -> SsmParameters:
    """The parameter store, without a rate limit."""
    return SsmParameters(api(access, "ssm"), api(access, "ssm", 1), **options)


def artifacts(access: Access) -> S3Artifacts:
    """The artifact store on a new bucket."""
    return S3Artifacts(bucket(access), BUCKET, "dev", clock=lambda: datetime.now(UTC))


def bucket(access: Access) -> Api:
    """S3 with a new bucket."""
    client = api(access, "s3")
    place = {"LocationConstraint": REGION}
    client.call("create_bucket", Bucket=BUCKET, CreateBucketConfiguration=place)
    return client


def event_table(access: Access) -> DynamoSink:
    """The log's sink on a new table."""
    client = api(access, "dynamodb")
    client.call("create_table", **dynamodb_table.definition(EVENTS))
    return DynamoSink(client, EVENTS, "dev")


def event_bucket(access: Access) -> S3Sink:
    """The log's sink on a new bucket."""
    return S3Sink(bucket(access), BUCKET, "log/dev")


def state(access: Access, clock: Clock) -> DynamoState:
    """The state store on a new table."""
    client = api(access, "dynamodb")
    client.call("create_table", **state_table.definition(STATE))
    return DynamoState(state_table.StateTable(client, STATE, "dev"), clock=clock)
