"""Who may do what: the table of routes and roles, tokens, denials in the log, limits, headers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from karma_api import streaming
from karma_api.access import REMEMBER_SECONDS
from karma_api.exchange import SECURE, Incoming
from karma_api.limits import Limits
from karma_api.problems import Unauthenticated
from karma_api.routes import ROUTES
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import revoke
from tests.api_table import table
from tests.served_system import ServedSystem

TABLE: dict[str, Role | None] = {door: said.role for door, said in table().items()}
"""What each door needs, as docs/api.md says it; None: open to everybody."""


def test_the_table_is_whole() -> None:
    """A new route needs a row in the page, with its role: it is said twice, and read by people."""
    assert {f"{route.method} {route.path}": route.role for route in ROUTES} == TABLE


@pytest.mark.parametrize("door", TABLE)
@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_gets_in_where_it_may(served: ServedSystem, door: str, role: Role | None) -> None:
    """Without a token 401, with too low a role 403, otherwise the handler answers."""
    method, path = door.split(" ")
    for name in ("build_id", "change_id", "event_id", "plan_id", "run_id", "token_id"):
        path = path.replace(f"{{{name}}}", "9")
    path = path.replace("{type}", "z").replace("{nickname}", "nobody")
    with served.http.stream(method, path, headers=served.headers(role)) as answer:
        status = answer.status_code
    needed = TABLE[door]
    if needed is None or (role is not None and role.includes(needed)):
        assert status not in {401, 403}
        assert status < 500
    else:
        assert status == (401 if role is None else 403)


BAD_TOKENS: dict[str, str] = {
    "not a token": "Bearer nonsense",
    "another scheme": "Basic YTpi",
    "forged": "Bearer karma_01J00000000000000000000000." + "A" * 43,
    "long": "Bearer " + "x" * 5000,
    "injection": "Bearer karma_' OR 1=1 --." + "A" * 43,
}


@pytest.mark.parametrize("text", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_token_is_nobody(fresh: ServedSystem, text: str) -> None:
    """401 with the header that says how to sign in, and a denial in the log that does not hold the token."""
    answer = fresh.http.get("/graph", headers={"authorization": text})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    denial = list(fresh.log.events(action="access"))[-1]
    assert (denial.status, denial.inputs["route"]) == ("denied", "graph")
    assert text.removeprefix("Bearer ") not in str(denial.inputs)


def test_a_denial_names_who_and_what(fresh: ServedSystem) -> None:
    """The log says which user with which token wanted what, and from where."""
    assert fresh.post("/deployments", {"everything": True}, Role.OPERATOR).status_code == 403
    denial = list(fresh.log.events(action="access"))[-1]
    assert (denial.user, denial.source) == ("operator@example.org", "api")
    assert denial.inputs["route"] == "deploy"
    assert denial.inputs["client"] == "127.0.0.1"
    assert fresh.runs.started == []


def test_a_revoked_or_expired_token_ends(fresh: ServedSystem) -> None:
    """Within the moment for which a recognised token is remembered."""
    assert fresh.get("/whoami").status_code == 200
    revoke(fresh.workspace, fresh.tokens[Role.VIEWER].partition(".")[0].removeprefix("karma_"))
    fresh.service.access._remembered.clear()
    assert fresh.get("/whoami").status_code == 401


def test_a_stream_ends_with_its_token(fresh: ServedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it is never quiet: each event that is read here is followed by another one."""
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 0.2)
    end = time.monotonic() + 30
    with fresh.http.stream("GET", "/events", headers=fresh.headers(Role.VIEWER)) as answer:
        for line in answer.iter_lines():
            if line.startswith("retry"):
                revoke(fresh.workspace, fresh.tokens[Role.VIEWER].partition(".")[0].removeprefix("karma_"))
            fresh.post("/deployments", {"everything": True}, Role.OPERATOR)
            assert time.monotonic() < end, "the stream goes on"
    assert any(e.inputs["route"] == "events" for e in fresh.log.events(action="access"))


def test_anonymous_callers_are_let_in_only_where_that_is_set() -> None:
    """With a role of their own, and no more."""
    served = ServedSystem(anonymous=Role.VIEWER)
    assert served.get("/graph", None).status_code == 200
    assert served.get("/whoami", None).json()["user"] == "anonymous"
    assert served.post("/request-change", {}, None).status_code == 403
    served.close()


@pytest.fixture
def narrow() -> Iterator[ServedSystem]:
    """A service with little patience."""
    made = ServedSystem(
        limits=Limits(requests_per_second=0.01, burst=3, body_bytes=2000, request_seconds=60, streams=1)
    )
    yield made
    made.close()


def test_a_caller_may_not_ask_without_end(narrow: ServedSystem) -> None:
    """429 with the time to wait; another caller is not affected."""
    statuses = [narrow.get("/whoami").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert int(narrow.get("/whoami").headers["retry-after"]) >= 1
    assert narrow.get("/whoami", Role.OPERATOR).status_code == 200


def test_the_log_is_verified_for_one_at_a_time(served: ServedSystem) -> None:
    """It reads everything: a second caller meanwhile is told to wait."""
    with served.service.verifying:
        assert served.get("/log/verify").status_code == 429
    assert served.get("/log/verify").status_code == 200


def test_failed_sign_ins_are_slowed_down() -> None:
    """After a burst they are turned away without another event in the log."""
    wrong = {"authorization": "Bearer karma_x." + "A" * 43}
    served = ServedSystem(limits=Limits())
    statuses = {served.http.get("/graph", headers=wrong).status_code for _ in range(40)}
    assert statuses == {401, 429}
    assert len(list(served.log.events(action="access"))) < 40
    served.close()


def test_a_body_has_a_size(narrow: ServedSystem) -> None:
    """413, said or streamed; nothing is read beyond the limit."""
    headers = narrow.headers(Role.OPERATOR)
    large = narrow.http.post("/request-change", content=b"{" + b" " * 3000, headers=headers)
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    parts = (b" " * 1000 for _ in range(5))
    streamed = narrow.http.post("/request-change", content=parts, headers=headers)
    assert streamed.status_code == 413


def test_no_more_is_read_than_the_limit(narrow: ServedSystem) -> None:
    """A sender that goes on for ever is stopped at the limit, not when memory is full."""
    pulled: list[int] = []
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        pulled.append(1)
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/request-change",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(narrow.app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert len(pulled) == 3


def test_streams_are_counted(narrow: ServedSystem) -> None:
    """One more than the limit is refused; a closed one makes room."""
    headers = narrow.headers(Role.VIEWER)
    with narrow.http.stream("GET", "/events", headers=headers) as first:
        lines = first.iter_lines()
        assert next(lines).startswith("retry:")
        assert narrow.get("/events").status_code == 429


def test_a_slow_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """504 when a request takes longer than it may."""
    served = ServedSystem(limits=Limits(requests_per_second=1e6, burst=1e6, request_seconds=0.2))
    original = served.graph.builds

    def slow(*arguments: Any, **named: Any) -> Any:
        time.sleep(1)
        return original(*arguments, **named)

    monkeypatch.setattr(served.graph, "builds", slow)
    answer = served.get("/builds")
    assert (answer.status_code, answer.json()["code"]) == (504, "too-slow")
    served.close()


@pytest.mark.parametrize("path", ["/graph", "/healthz", "/nowhere", "/builds/0", "/openapi.json", "/metrics"])
def test_every_answer_has_secure_headers(served: ServedSystem, path: str) -> None:
    """Whatever the answer is."""
    answer: httpx.Response = served.get(path)
    assert {name: answer.headers.get(name) for name in SECURE} == dict(SECURE)
    assert "server" not in answer.headers


def test_what_there_is_not_is_a_problem_too(served: ServedSystem) -> None:
    """404 and 405 in the same form, with the methods that there are."""
    lost = served.get("/nowhere")
    assert (lost.status_code, lost.json()["code"]) == (404, "not-found")
    wrong = served.http.delete("/graph")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method")
    assert wrong.headers["allow"] == "GET, HEAD"
    assert served.http.delete("/openapi.json").headers["allow"] == "GET, HEAD"
    assert served.http.delete("/events").headers["allow"] == "GET, POST"
    for name in ("prod", ""):
        assert served.get(f"/graph?environment={name}").status_code == 404


@pytest.mark.parametrize("path", ["/graph", "/builds", "/components/a/one", "/healthz", "/openapi.json"])
def test_head_is_get_without_the_body(served: ServedSystem, path: str) -> None:
    """The same status and headers (RFC 9110, 9.3.2), 401 where GET has it, too."""
    headers = served.headers(Role.VIEWER)
    got, head = served.get(path), served.http.head(path, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}
    if path == "/graph":
        held = {**headers, "if-none-match": got.headers["etag"]}
        assert served.http.head(path, headers=held).status_code == 304
        assert served.http.head(path).status_code == 401


def test_a_caller_that_hangs_up_is_no_defect(served: ServedSystem, caplog: pytest.LogCaptureFixture) -> None:
    """A body that ends before its length: nothing is done, and the server's log has no traceback."""
    token = served.headers(Role.ADMIN)["authorization"]
    url = httpx.URL(served.server.url)
    said = (
        f"POST /builds HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\ncontent-length: 100\r\n\r\n{{"
    )
    with socket.create_connection((url.host, url.port or 0)) as line:
        line.sendall(said.encode())
        served.get("/healthz")  # the server has begun to read the body
    answered = 'method="POST",route="build-start",status="400"'
    until = time.monotonic() + 10
    while answered not in served.service.metrics().decode() and time.monotonic() < until:
        time.sleep(0.05)
    assert answered in served.service.metrics().decode()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_defect_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 without a word of what went wrong inside."""
    served = ServedSystem()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret-detail")

    monkeypatch.setattr(served.state, "runs", broken)
    answer = served.get("/runs")
    assert answer.status_code == 500
    assert answer.json()["code"] == "defect"
    assert "secret-detail" not in answer.text
    served.close()


def test_one_request_looks_a_token_up_anew(fresh: ServedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are let in meanwhile, for so long again at most; a store that hangs adds nothing."""
    now = 100.0
    monkeypatch.setattr("karma_api.access.time", SimpleNamespace(monotonic=lambda: now))
    access, headers = fresh.service.access, fresh.headers(Role.VIEWER)
    route = next(route for route in ROUTES if route.name == "whoami")
    incoming = Incoming(headers=headers)
    caller = access.identify(incoming, route.name, route.role)
    assert access.remembered(headers) == caller
    now += 1.5 * REMEMBER_SECONDS
    assert [access.remembered(headers) for _ in range(3)] == [None, caller, caller]
    now += REMEMBER_SECONDS
    assert [access.remembered(headers) for _ in range(2)] == [None, None]
    revoke(fresh.workspace, caller.token_id)
    with pytest.raises(Unauthenticated):
        access.identify(incoming, route.name, route.role)
    assert access.user_of(headers) == ""
