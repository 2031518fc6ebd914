"""Runs over Prefect's REST API: what is sent, and what becomes of each answer. A real server: tests/e2e."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.runs import PrefectRuns
from karma_core.errors import BadInput, NotFound, StoreUnavailable
from tests.http_server import HttpServer


class FakePrefect:
    """Answers as set: (status, body) for `METHOD path`, one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {
            "GET /api/deployments/name/deploy/deploy": [(200, {"id": "D1"})],
            "POST /api/deployments/D1/create_flow_run": [(201, {"id": "R1"})],
        }
        self.asked: list[tuple[str, Any, str | None]] = []
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self._server = HttpServer(app)
        self.url = f"{self._server.url}/api"

    def close(self) -> None:
        self._server.close()

    async def _answer(self, request: Request) -> Response:
        key = f"{request.method} {request.url.path}"
        body = json.loads(await request.body() or b"null")
        self.asked.append((key, body, request.headers.get("authorization")))
        answers = self.answers.get(key, [(404, {"detail": "Not Found"})])
        status, made = answers.pop(0) if len(answers) > 1 else answers[0]
        content = made if isinstance(made, str) else json.dumps(made)
        return Response(content, status, media_type="application/json")


@pytest.fixture
def prefect() -> Iterator[FakePrefect]:
    """A server that knows the deployment `deploy`."""
    made = FakePrefect()
    yield made
    made.close()


def runs_of(prefect: FakePrefect, auth: str = "") -> PrefectRuns:
    """The adapter on it."""
    return PrefectRuns(lambda: PrefectApi(prefect.url, auth))


def state(kind: str) -> dict[str, Any]:
    """A flow run in a state."""
    return {"id": "R1", "name": "brave-cat", "state": {"type": kind, "message": None}}


def test_a_run_is_started_with_its_key_and_tags(prefect: FakePrefect) -> None:
    """The deployment is found by the flow's name; the key makes Prefect give the same run again."""
    given = {"environment": "prod", "change_id": "C1", "targets": ["vpc/core"]}
    assert runs_of(prefect).start("deploy", given, idempotency_key="k1") == "R1"
    _, body, auth = prefect.asked[-1]
    assert body == {
        "parameters": given,
        "idempotency_key": "k1",
        "tags": ["karma", "env:prod", "change:C1"],
        "state": {"type": "SCHEDULED"},
    }
    assert auth is None


def test_the_api_may_want_a_password(prefect: FakePrefect) -> None:
    """It is sent as basic authentication, and never shown."""
    runs_of(prefect, "karma:secret").start("deploy", {}, idempotency_key="k1")
    assert prefect.asked[0][2] == "Basic a2FybWE6c2VjcmV0"
    assert "secret" not in repr(PrefectApi(prefect.url, "karma:secret"))


def test_a_busy_server_is_asked_again(prefect: FakePrefect) -> None:
    """On SQLite Prefect answers 503 while another transaction is in the way."""
    busy = (503, {"exception_message": "Service Unavailable"})
    prefect.answers["POST /api/deployments/D1/create_flow_run"] = [busy, busy, (201, {"id": "R2"})]
    assert runs_of(prefect).start("deploy", {}, idempotency_key="k1") == "R2"


def test_a_flow_without_deployment(prefect: FakePrefect) -> None:
    """It is said what is to be done."""
    with pytest.raises(NotFound) as caught:
        runs_of(prefect).start("../x", {}, idempotency_key="k1")
    assert caught.value.code == "no-deployment"
    assert "karma up" in caught.value.next_step


def test_parameters_that_do_not_fit(prefect: FakePrefect) -> None:
    """Prefect checks them against the form; its reason is passed on."""
    refusal = {"detail": "Validation failed for field 'targets'. Failure reason: 1 is not of type 'array'"}
    prefect.answers["POST /api/deployments/D1/create_flow_run"] = [(409, refusal)]
    with pytest.raises(BadInput, match="cannot be started") as caught:
        runs_of(prefect).start("deploy", {"targets": 1}, idempotency_key="k1")
    assert caught.value.code == "flow-parameters"
    assert "targets" in caught.value.why


ODD = [(401, {}), (403, {}), (500, {"exception_message": "oops"}), (503, "busy"), (200, "<html>"), (200, [])]


@pytest.mark.parametrize("answer", ODD)
def test_every_other_answer_is_unavailable(prefect: FakePrefect, answer: tuple[int, Any]) -> None:
    """So that the caller may try again under the same key."""
    prefect.answers["GET /api/deployments/name/deploy/deploy"] = [answer]
    with pytest.raises(StoreUnavailable) as caught:
        runs_of(prefect).start("deploy", {}, idempotency_key="k1")
    assert caught.value.code == "prefect"


def test_nobody_listens() -> None:
    """That is said, too."""
    with pytest.raises(StoreUnavailable, match="does not answer"):
        PrefectRuns(lambda: PrefectApi("http://127.0.0.1:9/api")).start("deploy", {}, idempotency_key="k1")


@pytest.mark.parametrize(
    ("kind", "ended"), [("RUNNING", False), ("PENDING", False), ("COMPLETED", True), ("CRASHED", True)]
)
def test_the_state_of_a_run(prefect: FakePrefect, kind: str, ended: bool) -> None:
    """Its type, and whether it goes on."""
    prefect.answers["GET /api/flow_runs/R1"] = [(200, state(kind))]
    reported = runs_of(prefect).state("R1")
    assert (reported.type, reported.ended, reported.message) == (kind, ended, "")


def test_a_run_that_nobody_knows(prefect: FakePrefect) -> None:
    """It is NotFound, also where the id is none."""
    prefect.answers["GET /api/flow_runs/R9"] = [(422, {"detail": "no UUID"})]
    for run_id in ("R8", "R9"):
        with pytest.raises(NotFound) as caught:
            runs_of(prefect).state(run_id)
        assert caught.value.code == "no-flow-run"


def test_only_a_run_that_goes_on_is_crashed(prefect: FakePrefect) -> None:
    """What has ended keeps its end."""
    prefect.answers["GET /api/flow_runs/R1"] = [(200, state("RUNNING")), (200, state("COMPLETED"))]
    prefect.answers["POST /api/flow_runs/R1/set_state"] = [(201, {"status": "ACCEPT"})]
    runs_of(prefect).crash("R1", "its process has gone")
    runs_of(prefect).crash("R1", "its process has gone")
    sent = [body for key, body, _ in prefect.asked if key.startswith("POST")]
    assert [(b["state"]["type"], b["force"]) for b in sent] == [("CRASHED", True)]
