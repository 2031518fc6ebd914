"""What the API promises, whoever serves it: the suites that the service and the functions pass alike.

The state that `api` serves is that of `tests.served_system.CONFIGS`, deployed, with two builds; it plans
nothing itself. `service` serves the same state by the ASGI application.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Protocol

import httpx
import pytest

from karma_core.roles import Role
from karma_core.webhooks import sign
from tests.api_doors import Door
from tests.signed_orders import order_headers

Orders = list[tuple[str, dict[str, Any], str]]
PROBLEM = "application/problem+json"
READS = (
    "/graph",
    "/graph?at=1",
    "/graph/impact?component=a/one",
    "/graph/path?source=c/three&target=a/one",
    "/graph/diff?from=1&to=2",
    "/graph/diff?from=1",
    "/graph/diff",
    "/changes",
    "/log?limit=5",
    "/log?component=a/one&action=terraform_*",
    "/log/verify",
    "/healthz",
    "/readyz",
)
MORE_READS = (
    "/components",
    "/components?limit=2",
    "/components/b/two",
    "/why?component=c/three",
    "/config/b/two",
    "/config/a/one?version=1",
    "/runtime/b/two",
    "/runtime/a/one?version=1",
    "/artifacts?key=test/2026-01-02/none/plan.txt",
    "/builds",
    "/builds/1",
    "/runs",
    "/tokens",
    "/whoami",
)
HOOK_SECRET = "a secret that is long enough"
"""Of both webhooks."""
GRAPHQL = (
    "{ components(limit: 2) { buildId next items { id status consumers { component { id } } } } }",
    '{ component(id: "b/two") { id config runtime producers { component { id } via } } }',
    '{ component(id: "b/none") { id } }',
    '{ component(id: "../x") { id } }',
    '{ impact(component: "a/one") { downstream waves } }',
    '{ diff(old: "1", to: "2") { added changed removed } }',
    "{ builds(limit: 1) { buildId } changes { changeId status } }",
    "{ nothing }",
    "{ components(limit: 100000) { next } }",
    "{ " + " ".join(f"a{n}: builds {{ buildId }}" for n in range(16)) + " }",
    "{",
)
WRONG_READS = (
    "/graph?at=2026-99-99",
    "/graph?at=77",
    "/graph?unknown=1",
    "/graph?at=1&at=2",
    "/graph/impact",
    "/graph/impact?component=a/none",
    "/graph/impact?component=..%2F..%2Fetc%2Fpasswd",
    "/graph/impact?component=%00",
    "/graph/impact?component=-rf",
    "/graph/impact?component=x%27).drop()//",
    "/graph/impact?component=" + 5000 * "a",
    "/changes/none",
    "/log?since=yesterday",
    "/graph?environment=../prod",
    "/nowhere",
)
MORE_WRONG_READS = (
    "/components/A/one",
    "/components?limit=0",
    "/components?limit=1e9",
    "/builds/0",
    "/builds/99999999999999999999",
    "/plans/none",
)
WRONG_NAMES = (
    "../../etc/passwd",
    "/abs/olute",
    "",
    ".",
    "-rf/x",
    "a/one\0",
    "a/one\n",
    "a/" + 5000 * "x",
    "A/one",
    "a/\u043ene",
    "; rm -rf /",
    "x').drop()//",
    "prod:a/one",
)
WRONG_BODIES = (
    b"",
    b"[]",
    b'"text"',
    b"null",
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"component": "a/one", "component": "d/four", "proposed_change": {}}',
    b'{"component": "a/one", "proposed_change": {"size": NaN}}',
    b'{"component": "a/one", "proposed_change": {"size": 1e5000}}',
    b'{"component": "a/one", "proposed_change": {"size": ' + 5000 * b"9" + b"}}",
    b'{"component": "a/one", "proposed_change": {"size": "\\ud800"}}',
    b'{"component": "a/one", "proposed_change": {"x": ' + 100_000 * b"[" + 100_000 * b"]" + b"}}",
    b'{"component": "a/one", "proposed_change": "' + (1 << 20) * b"x" + b'"}',
    b'{"component": "a/one", "proposed_change": {}, "unknown": 1}',
    b'{"component": "a/one", "proposed_change": {}, "requested_by": {}}',
)


class Environment(Protocol):
    """What the suite must know of the state behind the API."""

    name: str
    now: Callable[[], datetime]
    orders: Callable[[], Orders]
    work: Callable[[], None]
    config: Callable[[str], Any]
    put_config: Callable[[str, dict[str, Any]], None]
    rebuild: Callable[[], str]
    deploy: Callable[[], None]


class ApiContract:
    """The suite. Its fixtures: `api`, `service` (Door) and `environment` (Environment)."""

    @pytest.mark.parametrize("path", [*READS, *WRONG_READS])
    def test_it_answers_as_the_service(self, api: Door, service: Door, path: str) -> None:
        """The same state gives the same status, the same body and the same ETag through every door."""
        _same(api, service, path)

    @pytest.mark.parametrize("path", WRONG_READS)
    def test_wrong_questions_are_refused(self, api: Door, path: str) -> None:
        """Whatever is wrong with a question is told as a problem with a code."""
        _refused(api.get(path))

    def test_who_is_let_in(self, api: Door) -> None:
        """Nobody reads without a token, and a viewer changes nothing."""
        for path in ("/graph", "/log", "/changes"):
            assert _refused(api.get(path, None)) == (401, "unauthenticated")
        assert _refused(api.get("/graph", None, authorization="Bearer karma_x.y")) == (401, "unauthenticated")
        body = {"component": "a/one", "proposed_change": {"size": 2}}
        assert _refused(api.post("/request-change", body, Role.VIEWER)) == (403, "forbidden")
        assert api.get("/healthz", None).status_code == 200

    def test_an_answer_that_is_known_is_not_sent_again(self, api: Door) -> None:
        """An ETag that still holds is answered by 304 and no body."""
        etag = api.get("/graph").headers["etag"]
        again = api.get("/graph", Role.VIEWER, **{"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")

    def test_a_dry_run_moves_nothing(self, api: Door, environment: Environment) -> None:
        """A dry run is judged, kept nowhere and ordered from nobody; without Terraform it has no plan."""
        before = len(api.get("/changes").json()["items"])
        body = {"component": "a/one", "proposed_change": {"size": 5}, "dry_run": True}
        answer = api.post("/request-change", body)
        assert answer.status_code == 200
        result = answer.json()
        assert (result["change_id"], result["plan"]) == (None, None)
        assert result["affected_components"] == ["a/one", "b/two", "c/three"]
        assert len(api.get("/changes").json()["items"]) == before

    def test_a_change_that_breaks_the_graph_is_rejected(self, api: Door, environment: Environment) -> None:
        """The verdict needs no Terraform: a missing producer rejects a change, which stays in the records."""
        known = len(environment.orders())
        answer = api.post("/request-change", {"component": "b/two", "proposed_change": {"a_nickname": "no"}})
        result = answer.json()
        assert (answer.status_code, result["status"], result["plan"]) == (200, "rejected", None)
        assert "missing-component" in {finding["code"] for finding in result["findings"]}
        assert api.get(f"/changes/{result['change_id']}").json()["status"] == "rejected"
        assert len(environment.orders()) == known

    def test_a_change_is_queued_ordered_and_applied(self, api: Door, environment: Environment) -> None:
        """It is queued without a plan and its run is ordered once; when that has run, the graph has moved."""
        version = _version(api, "d/four")
        size = secrets.randbelow(1_000_000)
        body = {"component": "d/four", "proposed_change": {"size": size}, "idempotency_key": _key()}
        known = len(environment.orders())
        answer = api.post("/request-change", body)
        result = answer.json()
        assert (answer.status_code, result["status"], result["plan"]) == (202, "queued", None)
        assert answer.headers["location"] == f"/changes/{result['change_id']}"
        assert api.post("/request-change", body).json()["change_id"] == result["change_id"]
        ordered = environment.orders()[known:]
        assert {(flow, parameters["change_id"]) for flow, parameters, _ in ordered} == {
            ("change-run", result["change_id"])
        }
        assert len({key for *_, key in ordered}) == 1
        environment.work()
        shown = api.get(f"/changes/{result['change_id']}").json()
        assert shown["status"] == "applied", shown
        assert shown["plan"] is not None
        assert environment.config("d/four")["size"] == size
        assert _version(api, "d/four") == version + 1
        assert api.get("/log/verify").json()["problems"] == []

    def test_a_queued_change_finds_the_graph_up_to_date(self, api: Door, environment: Environment) -> None:
        """What was published since the last build is in the graph as soon as a change is queued.

        It is the graph that a worker would build: nothing is stale that is not, and a worker has nothing to
        add. A dry run leaves it alone. The change's own config comes into it when the change is applied.
        """
        version = _version(api, "d/four")
        environment.put_config("d/four", {"size": 4, "published": _key()})
        assert api.get("/graph/diff").json()["nodes"]["changed"] == ["d/four"]
        body = {"component": "a/one", "proposed_change": {"size": secrets.randbelow(1_000_000)}}
        assert api.post("/request-change", {**body, "dry_run": True}).status_code == 200
        assert _version(api, "d/four") == version
        queued = api.post("/request-change", body)
        assert (queued.status_code, queued.json()["warnings"]) == (202, [])
        nodes = {node["id"]: node for node in api.get("/graph").json()["nodes"]}
        assert nodes["d/four"]["config_version"] == version + 1
        assert {name for name, node in nodes.items() if node["status"] != "current"} == {"d/four"}
        assert environment.rebuild() == "unchanged"
        environment.work()
        environment.deploy()

    def test_of_two_that_conflict_none_is_lost(self, api: Door, environment: Environment) -> None:
        """Of two requests for one component at the same time one goes first and one waits; both end applied.

        Whoever is told to come again is, by a problem.
        """
        bodies = [
            {"component": "a/one", "proposed_change": {f"by_{n}": _key()}, "idempotency_key": _key()}
            for n in (1, 2)
        ]

        def ask(body: dict[str, Any]) -> httpx.Response:
            while True:
                answer = api.post("/request-change", body)
                if answer.status_code not in {409, 503}:
                    return answer
                assert answer.headers["content-type"] == PROBLEM

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, bodies))
        assert [answer.status_code for answer in answers] == [202, 202]
        ids = [answer.json()["change_id"] for answer in answers]
        waiting = [api.get(f"/changes/{change_id}").json() for change_id in ids]
        assert sorted(len(shown["waits_for"]) for shown in waiting) == [0, 1]
        environment.work()
        assert {api.get(f"/changes/{change_id}").json()["status"] for change_id in ids} == {"applied"}
        assert environment.config("a/one").keys() >= {"by_1", "by_2"}

    @pytest.mark.parametrize("name", WRONG_NAMES)
    def test_wrong_names_change_nothing(self, api: Door, environment: Environment, name: str) -> None:
        """A component that cannot be is refused or rejected, and nothing is ordered."""
        known = len(environment.orders())
        answer = api.post("/request-change", {"component": name, "proposed_change": {"size": 1}})
        if answer.status_code == 200:
            assert answer.json()["status"] == "rejected"
        else:
            _refused(answer)
        assert len(environment.orders()) == known

    @pytest.mark.parametrize("content", WRONG_BODIES)
    def test_wrong_bodies_change_nothing(self, api: Door, environment: Environment, content: bytes) -> None:
        """A body that is not one request in strict JSON is refused, and nothing is ordered."""
        known = len(environment.orders())
        _refused(api.post("/request-change", content=content))
        assert len(environment.orders()) == known

    def test_a_body_beyond_the_limit_is_not_read(self, api: Door, environment: Environment) -> None:
        """One megabyte is the limit, whatever is in it; nothing of it is judged."""
        known = len(environment.orders())
        body = {"component": "a/one", "proposed_change": {"text": "x" * (1 << 20)}}
        assert _refused(api.post("/request-change", body)) == (413, "too-large")
        assert len(environment.orders()) == known

    def test_values_are_data(self, api: Door, environment: Environment) -> None:
        """What looks like a command or a template is a text like any other."""
        texts = ["; rm -rf /", "`id`", "$(id)", '${file("/etc/passwd")}']
        body = {"component": "d/four", "proposed_change": {"texts": [*texts, _key()]}}
        answer = api.post("/request-change", body)
        assert answer.status_code == 202
        environment.work()
        assert environment.config("d/four")["texts"][:-1] == texts


class MoreOfTheApi:
    """The other resources. Its fixtures as those of the first suite."""

    @pytest.mark.parametrize("path", [*MORE_READS, *MORE_WRONG_READS])
    def test_it_answers_more_as_the_service(self, api: Door, service: Door, path: str) -> None:
        """As with the others."""
        _same(api, service, path)

    @pytest.mark.parametrize("path", MORE_WRONG_READS)
    def test_more_wrong_questions_are_refused(self, api: Door, path: str) -> None:
        """As with the others."""
        _refused(api.get(path))

    def test_the_query_by_name_and_the_gremlin_role(self, api: Door, service: Door) -> None:
        """POST reads, too; Gremlin text is for operators."""
        named = {"query_type": "dependencies", "parameters": {"component": "c/three"}}
        asked = api.post("/graph/query", named, Role.VIEWER)
        assert asked.status_code == 200
        assert asked.content == service.post("/graph/query", named, Role.VIEWER).content
        assert api.post("/graph/query", {"gremlin": "g.V()"}, Role.VIEWER).status_code == 403
        assert api.post("/graph/query", {"gremlin": "g.V()"}, Role.OPERATOR).status_code == 200

    @pytest.mark.parametrize("query", GRAPHQL)
    def test_graphql_gives_what_the_service_gives(self, api: Door, service: Door, query: str) -> None:
        """Data, errors and limits are the same; nobody asks without a token."""
        asked, served = (door.post("/graphql", {"query": query}, Role.VIEWER) for door in (api, service))
        assert (asked.status_code, asked.json()) == (served.status_code, served.json())
        assert api.post("/graphql", {"query": query}, None).status_code == 401

    def test_a_signed_order_is_taken_once(self, api: Door, environment: Environment) -> None:
        """The signature is over the bytes that were sent; a delivery that is sent again starts nothing."""
        raw = '{"flow": "graph-rebuild",   "reason": "gr\u00f6\u00dfer \U0001f600"}'.encode()
        delivery = order_headers(HOOK_SECRET, environment.name, raw, delivery=_key(), at=environment.now())
        known = len(environment.orders())
        first = api.post("/webhooks/generic", role=None, content=raw, **delivery)
        assert (first.status_code, first.json()["status"]) == (202, "started")
        again = api.post("/webhooks/generic", role=None, content=raw, **delivery)
        assert (again.status_code, again.json()) == (200, {"status": "known", "runs": first.json()["runs"]})
        assert [flow for flow, *_ in environment.orders()[known:]] == ["graph-rebuild"]

    def test_a_push_is_taken_where_it_is_listed(self, api: Door, environment: Environment) -> None:
        """GitHub's delivery starts a run for the configs that it touches, if it is listed."""
        path = f"iac/{environment.name}/a/one/config.json"
        commit = {"message": "m", "author": {"email": "ann@example.org"}, "modified": [path]}
        push = {"ref": "refs/heads/main", "after": "a" * 40, "repository": {"full_name": "acme/infra"}}
        known = len(environment.orders())
        taken = _deliver(api, {**push, "head_commit": commit, "commits": [commit]})
        assert (taken.status_code, taken.json()["runs"][0]["environment"]) == (202, environment.name)
        [(flow, parameters, _)] = environment.orders()[known:]
        assert (flow, parameters["addresses"], parameters["commit"]) == ("push-run", ["a/one"], "a" * 40)
        other = {**push, "repository": {"full_name": "mallory/infra"}, "commits": [commit]}
        assert _deliver(api, other).json()["status"] == "ignored"
        assert len(environment.orders()) == known + 1

    @pytest.mark.parametrize(
        "signature", ["", "sha256=", "v1=", "sha1=00", sign(HOOK_SECRET, b"{}"), sign("", b"{}")]
    )
    def test_an_unsigned_delivery_is_turned_away(
        self, api: Door, environment: Environment, signature: str
    ) -> None:
        """Nothing is ordered, whatever token comes along."""
        known = len(environment.orders())
        signed = order_headers(HOOK_SECRET, environment.name, b"{}", delivery=_key(), at=environment.now())
        headers = {**signed, "x-karma-signature-256": signature}
        answer = api.post("/webhooks/generic", role=Role.ADMIN, content=b"{}", **headers)
        assert _refused(answer) == (401, "webhook-signature")
        assert len(environment.orders()) == known

    def test_a_role_does_what_it_may_and_no_more(self, api: Door) -> None:
        """Each token acts as its user, and the tokens are for admins."""
        assert _refused(api.get("/tokens", Role.APPROVER)) == (403, "forbidden")
        assert api.get("/whoami", Role.OPERATOR).json()["user"] == "operator@example.org"

    def test_what_needs_terraform_is_refused(self, api: Door) -> None:
        """Plans are made where there is a Terraform."""
        answer = api.post("/plans", {"everything": True}, Role.OPERATOR)
        assert _refused(answer) == (409, "no-terraform")


def _deliver(api: Door, push: dict[str, Any]) -> httpx.Response:
    raw = json.dumps(push).encode()
    headers = {"x-hub-signature-256": sign(HOOK_SECRET, raw), "x-github-delivery": _key()}
    return api.post("/webhooks/github", role=None, content=raw, **headers, **{"x-github-event": "push"})


def _same(api: Door, service: Door, path: str) -> None:
    asked, served = api.get(path, Role.ADMIN), service.get(path, Role.ADMIN)
    assert asked.status_code == served.status_code
    assert _shown(asked) == _shown(served)
    assert asked.headers.get("etag") == served.headers.get("etag")
    assert asked.headers["content-type"] == served.headers["content-type"]


def _version(api: Door, address: str) -> int:
    """The config's version, as the graph has it."""
    nodes = api.get("/graph").json()["nodes"]
    return next(int(node["config_version"]) for node in nodes if node["id"] == address)


def _refused(answer: httpx.Response) -> tuple[int, str]:
    """(status, code) of a problem that is the caller's."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:karma:error:{problem['code']}"
    assert problem["detail"]
    return answer.status_code, problem["code"]


def _key() -> str:
    return str(uuid.uuid4())


def _shown(answer: httpx.Response) -> Any:
    """The body without what no two requests share."""
    return json.loads(answer.content) if answer.content else None
