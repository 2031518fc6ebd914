"""A function's handler: odd events, wrong settings, large answers, stores that are throttled."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from karma_api.cached_graph import LOOK_SECONDS, PATIENCE_SECONDS
from karma_api.resources.graph import ROUTES as GRAPH
from karma_api.resources.health import ROUTES as HEALTH
from karma_api.service import Services
from karma_core.deadlines import Deadline
from karma_core.errors import StoreUnavailable
from karma_core.roles import Role
from karma_core.use_cases import leasing
from karma_core.use_cases.graph.build import build_graph
from karma_lambda.entry import serve
from karma_lambda.opening import behind_gateway, open_services
from karma_lambda.settings import VARIABLE, FunctionSettings, read_function
from tests.api_doors import EventDoor, http_api_event
from tests.contract.test_api import functions_of
from tests.memory.artifacts import MemoryArtifacts
from tests.served_system import ServedSystem


class LinkedArtifacts(MemoryArtifacts):
    """Artifacts with addresses that only this test follows."""

    def put_passing(self, key: str, content: bytes) -> str:
        return self.put(key, content)

    def link(self, key: str, *, seconds: int, media_type: str) -> str:
        return f"https://bucket.example.org/{key}?expires={seconds}"


@pytest.fixture
def system() -> Iterator[ServedSystem]:
    """A deployed system."""
    made = ServedSystem(plans_here=False)
    yield made
    made.close()


def test_a_large_answer_is_fetched_from_the_bucket(system: ServedSystem) -> None:
    """Beyond the limit the answer is a redirect to the same bytes, kept once; refusals stay as they are."""
    system.artifacts = LinkedArtifacts()
    whole = EventDoor(functions_of(system), system.tokens, http_api_event).get("/log?limit=50")
    workspace = replace(system.workspace, artifacts=system.artifacts)
    service = behind_gateway(replace(system.service, workspace=workspace))
    services = Services(("test",), "test", lambda _: service)
    door = EventDoor(services, system.tokens, http_api_event, answer_bytes=1_000)
    answer = door.get("/log?limit=50")
    assert (answer.status_code, answer.content) == (303, b"")
    key = answer.headers["location"].removeprefix("https://bucket.example.org/").partition("?")[0]
    assert key.startswith("test/answers/")
    assert system.artifacts.get(key) == whole.content
    assert door.get("/log?limit=50").headers["location"] == answer.headers["location"]
    assert door.get("/graph?unknown=1").status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_starts_nothing_where_callers_need_no_token(headers: dict[str, str]) -> None:
    """A function does not take its word either; the gateway's own origin and programs go on."""
    system = ServedSystem(plans_here=False)
    service = behind_gateway(system.service, anonymous=Role.ADMIN)
    door = EventDoor(Services(("test",), "test", lambda _: service), system.tokens, http_api_event)
    refused = door.post("/destructions", {"everything": True}, role=None, **headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign-page")
    assert door.get("/components", role=None, **headers).status_code == 403
    assert system.runs.started == []
    assert door.post("/destructions", {"everything": True}, role=None).status_code == 202
    system.close()


@pytest.mark.parametrize("event", [{}, {"version": "2.0"}, {"Records": []}, [], None, "text"])
def test_an_event_of_something_else_is_refused(system: ServedSystem, event: Any) -> None:
    """Whatever else invokes the function gets a problem, not a traceback."""
    handler = serve(GRAPH, read=_no_settings, open_all=lambda _: functions_of(system))
    answer = handler(event, None)
    assert answer["statusCode"] == 422
    assert json.loads(answer["body"])["code"] == "event"


@pytest.mark.parametrize(
    "part",
    [
        {"requestContext": None},
        {"requestContext": {"http": "GET"}},
        {"requestContext": {"authorizer": {"jwt": {"claims": ["admin"]}}}},
        {"requestContext": {"authorizer": {"iam": {"userArn": 5}}}},
        {"pathParameters": [1]},
        {"rawQueryString": 1},
        {"body": 1},
        {"headers": ["x"]},
        {"version": "1.0", "multiValueQueryStringParameters": {"at": None}},
    ],
    ids=str,
)
def test_an_event_of_odd_parts_is_refused(system: ServedSystem, part: dict[str, Any]) -> None:
    """Whoever may invoke the function directly can send anything: no traceback, nobody signed in by it."""
    handler = serve(GRAPH, read=_no_settings, open_all=lambda _: functions_of(system))
    event = {**http_api_event("GET /graph", "GET", "/graph", {}, {}, b""), **part}
    answer = handler(event, None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (422, "event")


class Hurried:
    """The context of a function that is ended in a moment."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds."""
        return 1_500


def test_a_function_answers_before_its_platform_ends_it(system: ServedSystem) -> None:
    """Whatever is waited for ends by then, and the caller is told: also a store that is patient by itself."""
    waited: list[float] = []

    class Patient:
        """A graph store that does not answer."""

        def current(self, _environment: str) -> None:
            waited.append(Deadline.after(60).left())
            raise StoreUnavailable("the graph store did not answer in time")

    workspace = replace(system.workspace, graph=Patient())  # type: ignore[arg-type]
    service = behind_gateway(replace(system.service, workspace=workspace))
    services = Services(("test",), "test", lambda _: service)
    handler = serve(HEALTH, read=_no_settings, open_all=lambda _: services)
    event = http_api_event("GET /readyz", "GET", "/readyz", {}, {}, b"")
    answer = handler(event, Hurried())
    assert answer["statusCode"] == 503
    assert 0 < waited[0] <= 0.5


def test_a_body_may_be_base64(system: ServedSystem) -> None:
    """API Gateway encodes what it takes for binary; what is no base64 is refused."""
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    signed = {"Authorization": f"Bearer {system.tokens[Role.VIEWER]}", "Content-Type": "application/json"}
    event = door.event("POST", "/graph/query", signed, b"")
    body = "eyJxdWVyeV90eXBlIjogIm9ycGhhbnMifQ=="
    assert door.handle(event | {"body": body, "isBase64Encoded": True}).status_code == 200
    for broken in ("%%%", f"{body[:8]}%{body[8:]}", body[:-1]):
        answer = door.handle(event | {"body": broken, "isBase64Encoded": True})
        assert (answer.status_code, answer.json()["code"]) == (422, "event")
    packed = gzip.compress(b"{}").hex()
    assert door.handle(event | {"body": packed, "isBase64Encoded": False}).status_code == 422


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize(("beyond", "status"), [(0, 202), (1, 413)])
def test_a_body_has_a_limit_before_it_is_read(
    system: ServedSystem, beyond: int, status: int, coded: bool
) -> None:
    """Its bytes are counted, not those of its base64: one beyond the limit is refused, whatever it says."""
    body = b'{"component": "d/four", "proposed_change": {"size": 8}}'
    service = functions_of(system).of(None)
    limited = replace(service, limits=replace(service.limits, body_bytes=len(body) - beyond))
    door = EventDoor(Services(("test",), "test", lambda _: limited), system.tokens, http_api_event)
    headers = {"Authorization": f"Bearer {system.tokens[Role.OPERATOR]}", "Content-Type": "application/json"}
    event = door.event("POST", "/request-change", headers, body)
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True} if coded else {}
    assert door.handle(event).status_code == status


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "KARMA_FUNCTION"),
        ("{", "KARMA_FUNCTION"),
        ("{}", "project"),
        ('{"project": {}, "authorizer": {"roles": {"x": "root"}}}', "roles"),
        ('{"project": {}, "unknown": 1}', "unknown"),
    ],
)
def test_settings_that_cannot_be_used_are_said(text: str, said: str) -> None:
    """A deployment that is wrong answers 500 with the setting's name, in every request."""
    handler = serve(GRAPH, read=lambda: read_function({VARIABLE: text}))
    answer = handler({}, None)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (500, "settings")
    assert said in answer["body"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "parameters"),
        ({"parameters": "ssm", "state": "dynamodb", "artifacts": "s3", "aws": {}}, "aws.state_table"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_stores_of_one_machine_are_refused(section: dict[str, Any], said: str) -> None:
    """A function serves only environments whose stores are in AWS."""
    project = {"environments": {"dev": section}}
    handler = serve(GRAPH, read=lambda: FunctionSettings(project=project), open_all=open_services)
    event = http_api_event("GET /graph", "GET", "/graph", {}, {"authorization": "Bearer x"}, b"")
    answer = handler(event, None)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (500, "settings")
    assert said in answer["body"]


class Throttled:
    """A graph store that is busy with others."""

    def __getattr__(self, name: str) -> Any:
        raise StoreUnavailable("the graph store could not do it now", why="ThrottlingException")


def test_a_throttled_graph_is_a_503_that_may_be_repeated(system: ServedSystem) -> None:
    """Neptune's throttling is told as a problem with Retry-After.

    A change that was asked for meanwhile is kept and its run ordered; the answer says that the graph is left
    to a worker.
    """
    system.graph = Throttled()  # type: ignore[assignment]
    workspace = replace(system.service.workspace, graph=system.workspace.graph)
    system.service = replace(system.service, workspace=workspace)
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    answer = door.get("/graph")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == StoreUnavailable.code
    kept = door.post("/request-change", {"component": "d/four", "proposed_change": {"size": 8}})
    assert kept.status_code == 202
    assert kept.json()["warnings"] == ["the graph is left to a worker: the graph store could not do it now"]
    assert [order[1]["change_id"] for order in system.runs.started] == [kept.json()["change_id"]]


def test_a_container_shows_the_newest_graph(system: ServedSystem) -> None:
    """However long it takes to load: a container that slept holds an old one, and nobody else waits."""
    store = system.graph
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    before = door.get("/graph").json()["build_id"]
    system.configure(d_four={"size": 5})
    build_graph(system.workspace)
    time.sleep(2 * LOOK_SECONDS)
    load = store.load

    def slow(environment: str) -> Any:
        time.sleep(2 * PATIENCE_SECONDS)
        return load(environment)

    store.load = slow  # type: ignore[method-assign]
    assert door.get("/graph").json()["build_id"] == before + 1


def test_a_builder_at_work_is_not_waited_for(system: ServedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that comes while another builds is kept all the same; the graph is the builder's."""
    monkeypatch.setattr("karma_core.use_cases.changes.graph_update.WAIT_SECONDS", 0.0)
    system.configure(d_four={"size": 40})
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    with leasing.held(system.workspace, [leasing.GRAPH]):
        kept = door.post("/request-change", {"component": "a/one", "proposed_change": {"size": 8}})
    assert (kept.status_code, len(kept.json()["warnings"])) == (202, 1)
    assert kept.json()["warnings"][0].startswith("the graph is left to a worker: ")


def _no_settings() -> FunctionSettings:
    return FunctionSettings(project={})
