"""The reload actions on AWS: against moto's server, and against a recorder for what is really sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from karma_adapters.aws.access import Access
from karma_adapters.reloads import aws
from karma_adapters.reloads.ecs_redeploy import EcsAction
from karma_adapters.reloads.eventbridge import EventBridgeAction
from karma_adapters.reloads.lambda_invoke import LambdaAction
from karma_adapters.reloads.order import Order
from karma_core.errors import DeployFailed
from karma_core.reload_actions import EcsRedeploy, EventBridge, LambdaInvoke

REGION = "eu-west-1"
OWN = {"address": "api/main", "environment": "prod", "idempotency_key": "api/main#3"}
ORDER = Order(address="api/main", nickname="main", environment="prod", key="api/main#3", seconds=10)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins, so that boto3 looks for no others."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-canary")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Recorder(ThreadingHTTPServer):
    """Keeps every request and answers with `reply`."""

    daemon_threads = True

    def __init__(self, status: int, headers: dict[str, str], reply: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.answer = (status, headers, reply)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []


class _Recording(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, dict(self.headers), body))
        status, headers, reply = self.server.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(reply))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def record() -> Iterator[Any]:
    """Starts recorders, and stops them."""
    started: list[tuple[Recorder, threading.Thread]] = []

    def start(status: int = 200, headers: dict[str, str] | None = None, reply: bytes = b"{}") -> Recorder:
        server = Recorder(status, headers or {}, reply)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def clients(server: Recorder | str) -> aws.MakeClient:
    """What makes clients of a server."""
    url = server if isinstance(server, str) else f"http://127.0.0.1:{server.server_address[1]}"
    return aws.clients(Access(region=REGION, endpoint_url=url))


def test_an_event_arrives_on_the_bus(moto: str) -> None:
    """And one on a bus that does not exist is an error."""
    events = boto3.client("events", region_name=REGION, endpoint_url=moto)
    events.create_event_bus(Name="prod-bus")
    wanted = EventBridge(bus="{environment}-bus", source="karma", detail_type="reload")
    assert EventBridgeAction(clients(moto))(wanted, ORDER) == "put reload on prod-bus"
    with pytest.raises(DeployFailed) as caught:
        EventBridgeAction(clients(moto))(
            EventBridge(bus="nobody", source="karma", detail_type="reload"), ORDER
        )
    assert caught.value.code == "reload-failed"


def test_the_event_carries_the_key(record: Any) -> None:
    """The detail has the definition's members and ours, which it cannot change."""
    server = record(
        headers={"Content-Type": "application/x-amz-json-1.1"},
        reply=b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}',
    )
    detail = {"component": "{nickname}", "idempotency_key": "mine"}
    wanted = EventBridge(source="karma.{environment}", detail_type="reload", detail=detail)
    EventBridgeAction(clients(server))(wanted, ORDER)
    entry = json.loads(server.requests[0][2])["Entries"][0]
    assert (entry["EventBusName"], entry["Source"]) == ("default", "karma.prod")
    assert json.loads(entry["Detail"]) == {"component": "main", **OWN}


def test_an_event_that_the_bus_refuses_is_a_failure(record: Any) -> None:
    """PutEvents answers 200 all the same; the entry says so."""
    server = record(
        headers={"Content-Type": "application/x-amz-json-1.1"},
        reply=b'{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Throttled", "ErrorMessage": "later"}]}',
    )
    with pytest.raises(DeployFailed) as caught:
        EventBridgeAction(clients(server))(EventBridge(source="karma", detail_type="reload"), ORDER)
    assert caught.value.why == "Throttled: later"


def test_a_service_is_deployed_anew(moto: str) -> None:
    """A service that does not exist is an error with AWS's own words."""
    ecs = boto3.client("ecs", region_name=REGION, endpoint_url=moto)
    ecs.create_cluster(clusterName="prod")
    ecs.register_task_definition(
        family="api", containerDefinitions=[{"name": "api", "image": "api:1", "memory": 64}]
    )
    ecs.create_service(cluster="prod", serviceName="main", taskDefinition="api", desiredCount=1)
    wanted = EcsRedeploy(cluster="{environment}", service="{nickname}")
    assert EcsAction(clients(moto))(wanted, ORDER) == "redeployed prod/main"
    with pytest.raises(DeployFailed) as caught:
        EcsAction(clients(moto))(EcsRedeploy(cluster="prod", service="other"), ORDER)
    assert "ServiceNotFoundException" in caught.value.why


def test_a_redeploy_is_forced(record: Any) -> None:
    """Without that, ECS would do nothing: the definition is the same."""
    server = record(headers={"Content-Type": "application/x-amz-json-1.1"})
    EcsAction(clients(server))(EcsRedeploy(cluster="prod", service="main", region="us-west-2"), ORDER)
    _, headers, body = server.requests[0]
    assert json.loads(body) == {"cluster": "prod", "service": "main", "forceNewDeployment": True}
    assert "/us-west-2/" in headers["Authorization"]


def test_a_function_gets_payload_and_key(record: Any) -> None:
    """Synchronously by default, with the qualifier."""
    server = record(reply=b'"done"')
    wanted = LambdaInvoke(function="{environment}-reload", qualifier="live", payload={"n": "{nickname}"})
    assert LambdaAction(clients(server))(wanted, ORDER) == "invoked prod-reload"
    path, headers, body = server.requests[0]
    assert path == "/2015-03-31/functions/prod-reload/invocations?Qualifier=live"
    assert headers["X-Amz-Invocation-Type"] == "RequestResponse"
    assert json.loads(body) == {"n": "main", **OWN}


def test_a_function_can_be_queued(record: Any) -> None:
    """With `wait: false`, as Lambda's own event invocation."""
    server = record(202, reply=b"")
    assert LambdaAction(clients(server))(LambdaInvoke(function="f", wait=False), ORDER) == "queued f"
    assert server.requests[0][1]["X-Amz-Invocation-Type"] == "Event"


def test_a_function_that_fails_is_a_failure(record: Any) -> None:
    """Lambda answers 200 all the same; a header says so, and the payload why."""
    server = record(headers={"X-Amz-Function-Error": "Unhandled"}, reply=b'{"errorMessage": "no such table"}')
    with pytest.raises(DeployFailed) as caught:
        LambdaAction(clients(server))(LambdaInvoke(function="f"), ORDER)
    assert "no such table" in caught.value.why


def test_a_function_that_is_not_there_is_a_failure(moto: str) -> None:
    """AWS's words are in the error."""
    with pytest.raises(DeployFailed) as caught:
        LambdaAction(clients(moto))(LambdaInvoke(function="nobody"), ORDER)
    assert "ResourceNotFoundException" in caught.value.why


def test_no_answer_is_a_failure() -> None:
    """Nobody listens there."""
    with pytest.raises(DeployFailed) as caught:
        LambdaAction(clients("http://127.0.0.1:1"))(LambdaInvoke(function="f"), ORDER)
    assert caught.value.code == "reload-failed"


def test_a_denied_call_is_a_failure(record: Any) -> None:
    """AWS's words are in the error, our credentials are not."""
    server = record(403, {"Content-Type": "application/json"}, b'{"Message": "denied"}')
    with pytest.raises(DeployFailed) as caught:
        LambdaAction(clients(server))(LambdaInvoke(function="f"), ORDER)
    assert "denied" in caught.value.why
    assert "s3cr3t-canary" not in str(caught.value)


def test_a_profile_that_is_not_there_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access that the settings ask for and that cannot be had fails the reload, not the run."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = aws.clients(Access(region=REGION, profile="nobody"))
    with pytest.raises(DeployFailed) as caught:
        LambdaAction(client)(LambdaInvoke(function="f"), ORDER)
    assert "there is no AWS profile 'nobody'" in caught.value.why
