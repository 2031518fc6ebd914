"""The port RunStarter: threads of this process, Prefect's REST API, an EventBridge bus."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_adapters.local.thread_runs import ThreadRuns
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.runs import PrefectRuns
from karma_core.errors import NotFound
from karma_core.ports import RunStarter
from tests.http_server import HttpServer
from tests.memory.state import MemoryState
from tests.memory_system import Clock, System
from tests.served_system import RecordedRuns

GIVEN = {"environment": "test", "requested_by": "ann", "source": "api"}


class KnowingPrefect:
    """A Prefect server with the deployments `deploy` and `graph-rebuild`, which keeps keys."""

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self._server = HttpServer(app)
        self.url = f"{self._server.url}/api"
        self.close = self._server.close

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        for flow in ("deploy", "graph-rebuild"):
            if path == f"/api/deployments/name/{flow}/{flow}":
                return Response(json.dumps({"id": flow}))
            if path == f"/api/deployments/{flow}/create_flow_run":
                key = json.loads(await request.body())["idempotency_key"]
                run_id = self._runs.setdefault(f"{flow}:{key}", f"R{len(self._runs)}")
                return Response(json.dumps({"id": run_id}), 201)
        return Response(json.dumps({"detail": "Not Found"}), 404)


class ReadyBus:
    """Takes every event."""

    def call(self, operation: str, **request: object) -> dict[str, object]:
        return {"FailedEntryCount": 0, "Entries": []}


@pytest.fixture(params=["recorded", "threads", "prefect", "bus"])
def starter(request: pytest.FixtureRequest) -> Iterator[RunStarter]:
    """Each adapter."""
    if request.param == "recorded":
        yield RecordedRuns()
        return
    if request.param == "threads":
        system = System()
        threads = ThreadRuns(lambda _: system.workspace)
        yield threads
        threads.close()
        return
    if request.param == "bus":
        yield EventBridgeRuns(ReadyBus(), "runs", MemoryState(clock=Clock()))  # type: ignore[arg-type]
        return
    prefect = KnowingPrefect()
    yield PrefectRuns(lambda: PrefectApi(prefect.url))
    prefect.close()


def test_a_key_starts_one_run(starter: RunStarter) -> None:
    """Whoever does not know whether it was started asks again."""
    first = starter.start("graph-rebuild", GIVEN, idempotency_key="k1")
    assert first
    assert starter.start("graph-rebuild", GIVEN, idempotency_key="k1") == first
    assert starter.start("graph-rebuild", GIVEN, idempotency_key="k2") != first


def test_a_flow_that_nobody_has(starter: RunStarter) -> None:
    """It is NotFound, whatever it is called."""
    for flow in ("nothing", "../deploy", ""):
        with pytest.raises(NotFound):
            starter.start(flow, GIVEN, idempotency_key="k1")
