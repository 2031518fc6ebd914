"""What is changed over HTTP: requests, decisions, orders, events from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from karma_api.access import Caller
from karma_api.resources import changes
from karma_api.resources.changes import RequestAsked
from karma_core import documents
from karma_core.changes.request import ChangeRequest
from karma_core.errors import Refused
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import revoke
from tests.served_system import ServedSystem

GROW = {"component": "a/one", "proposed_change": {"size": 2}, "reason": "more"}


@pytest.fixture
def going() -> Iterator[ServedSystem]:
    """A system whose runs are done."""
    made = ServedSystem(runs_go=True)
    yield made
    made.close()


def test_a_forged_requester_is_refused_where_the_policy_names_persons(fresh: ServedSystem) -> None:
    """In the document of a request: a typed error, an event says denied, no run is started."""
    service = fresh.service
    environment = replace(service.workspace.environment, policy={"requesters": ["*"]})
    workspace = replace(service.workspace, environment=environment)
    caller = Caller(user="ann", role=Role.OPERATOR, token_id="t", proof="token")
    forged = RequestAsked(body=documents.read(ChangeRequest, {**GROW, "requested_by": "bob"}))
    with pytest.raises(Refused) as caught:
        changes.request(replace(service, workspace=workspace), caller, forged)
    assert caught.value.code == "forged-requester"
    (event,) = [e for e in fresh.log.events() if (e.action, e.status) == ("access", "denied")]
    assert (event.user, event.source) == ("ann", "api")
    assert fresh.get("/changes").json()["items"] == []


def test_a_request_is_judged_planned_and_its_run_started(fresh: ServedSystem) -> None:
    """The result document comes back at once, with the plan; who requests is who calls."""
    answer = fresh.post("/request-change", {**GROW, "requested_by": "somebody@else"})
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == {
        "change_id",
        "status",
        "affected_components",
        "warnings",
        "findings",
        "plan",
        "log_entry_id",
    }
    assert (body["status"], body["affected_components"]) == ("approved", ["a/one", "b/two", "c/three"])
    assert body["plan"]["components"][0]["address"] == "a/one"
    assert answer.headers["location"] == f"/changes/{body['change_id']}"
    shown = fresh.get(answer.headers["location"]).json()
    assert (shown["requested_by"], shown["source"]) == ("operator@example.org", "api")
    flow, parameters, _ = fresh.runs.started[0]
    assert (flow, parameters["change_id"]) == ("change-run", body["change_id"])
    assert parameters["requested_by"] == "operator@example.org"


def test_a_dry_run_keeps_nothing(fresh: ServedSystem) -> None:
    """Verdict and plan, no change, no run."""
    answer = fresh.post("/request-change", {**GROW, "dry_run": True})
    assert (answer.status_code, answer.json()["change_id"]) == (200, None)
    assert answer.json()["plan"]["status"] == "changes"
    assert fresh.get("/changes").json()["items"] == []
    assert fresh.runs.started == []


def test_a_rejected_change_says_why(fresh: ServedSystem) -> None:
    """A stale base is a verdict, not an error of the call."""
    body = fresh.post("/request-change", {**GROW, "base_version": 9}).json()
    assert body["status"] == "rejected"
    assert "stale-base" in [finding["code"] for finding in body["findings"]]
    assert fresh.runs.started == []


def test_without_terraform_a_change_waits_for_a_run_that_plans_it() -> None:
    """Judged and queued, `plan` null, a run ordered; the run plans and applies it."""
    served = ServedSystem(plans_here=False, runs_go=True)
    body = served.post("/request-change", GROW).json()
    assert (body["status"], body["plan"]) == ("queued", None)
    served.runs.close()
    assert served.get(f"/changes/{body['change_id']}").json()["status"] == "applied"
    assert served.config("a/one") == {"size": 2}
    served.close()


def test_the_same_key_gives_the_same_change_and_one_run(fresh: ServedSystem) -> None:
    """A repeated request does nothing twice."""
    wanted = {**GROW, "idempotency_key": "k"}
    ids = {fresh.post("/request-change", wanted).json()["change_id"] for _ in range(3)}
    assert len(ids) == len(fresh.runs.started) == 1


def test_an_approver_approves_and_the_run_applies(going: ServedSystem) -> None:
    """Propose, approve as another role, applied; the log names each of them; roll back."""
    going.policy = {"require_approval": True}
    object.__setattr__(going.service, "workspace", going.workspace)
    asked = going.post("/request-change", GROW).json()
    assert asked["status"] == "awaiting_approval"
    place = f"/changes/{asked['change_id']}"
    digest = going.get(place).json()["digest"]
    wrong = going.post(f"{place}/approve", {"digest": "sha256:0"}, Role.APPROVER)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "plan-moved")
    yes = going.post(f"{place}/approve", {"reason": "seen", "digest": digest}, Role.APPROVER)
    assert (yes.status_code, yes.json()["status"]) == (200, "approved")
    going.runs.close()
    assert going.get(place).json()["status"] == "applied"
    users = {(e.user, e.status) for e in going.log.events(action="change")}
    assert {("operator@example.org", "awaiting_approval"), ("approver@example.org", "approved")} <= users


def test_reject_cancel_retry_and_apply(fresh: ServedSystem) -> None:
    """Each act has its place, its role and its refusal."""
    first = fresh.post("/request-change?apply=false", GROW).json()
    assert (first["status"], fresh.runs.started) == ("approved", [])
    place = f"/changes/{first['change_id']}"
    assert fresh.post(f"{place}/apply").status_code == 202
    assert len(fresh.runs.started) == 1
    assert fresh.post(f"{place}/cancel", {"reason": "no"}).json()["status"] == "cancelled"
    again = fresh.post(f"{place}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "change-state")
    second = fresh.post("/request-change?apply=false", GROW).json()
    rejected = fresh.post(f"/changes/{second['change_id']}/reject", {"reason": "no"}, Role.APPROVER)
    assert rejected.json()["status"] == "rejected"
    back = fresh.post(f"/changes/{second['change_id']}/rollback", {})
    assert (back.status_code, back.json()["code"]) == (409, "nothing-written")
    assert len(fresh.get("/changes?status=cancelled").json()["items"]) == 1
    assert len(fresh.get("/changes?limit=1").json()["items"]) == 1


def test_two_who_want_the_same_come_one_after_the_other(going: ServedSystem) -> None:
    """Of two overlapping requests at once one is applied first, the other after it; neither is lost."""
    bodies = [{"component": "a/one", "proposed_change": {name: 1}} for name in ("x", "y")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda body: going.post("/request-change", body).json(), bodies))
    assert {answer["status"] for answer in answers} <= {"approved", "queued"}
    until = time.monotonic() + 60
    while time.monotonic() < until and {c["status"] for c in going.get("/changes").json()["items"]} != {
        "applied"
    }:
        time.sleep(0.05)
    assert going.config("a/one") == {"size": 1, "x": 1, "y": 1}


@pytest.mark.parametrize("act", ["cancel", "reject"])
def test_who_waited_goes_on_when_the_one_before_is_dropped(going: ServedSystem, act: str) -> None:
    """Its run is started at once, not by the next that comes along."""
    first = going.post("/request-change?apply=false", GROW).json()
    second = going.post("/request-change", {**GROW, "proposed_change": {"size": 5}}).json()
    assert (first["status"], second["status"]) == ("approved", "queued")
    going.post(f"/changes/{first['change_id']}/{act}", {}, Role.APPROVER)
    going.runs.close()
    assert going.get(f"/changes/{second['change_id']}").json()["status"] == "applied"
    assert going.config("a/one") == {"size": 5}


def test_recent_changes_is_a_query(fresh: ServedSystem) -> None:
    """The components that the newest changes edited."""
    fresh.post("/request-change?apply=false", GROW)
    subgraph = fresh.post("/graph/query", {"query_type": "recent_changes"}).json()
    assert [node["id"] for node in subgraph["nodes"]] == ["a/one"]
    assert subgraph["changes"][0]["components"] == ["a/one"]
    for limit, status in (("1", 200), (1, 200), ("0", 400), (-1, 400), ("x", 400), (True, 422)):
        body = {"query_type": "recent_changes", "parameters": {"limit": limit}}
        assert fresh.post("/graph/query", body).status_code == status


def test_a_deploy_is_ordered_and_done(going: ServedSystem) -> None:
    """POST /deployments answers with the run's id; the run appears among the runs."""
    going.configure(a_one={"size": 3})
    answer = going.post("/deployments", {"targets": ["a/one"]}, Role.APPROVER)
    assert (answer.status_code, answer.json()["flow"]) == (202, "deploy")
    going.runs.close()
    newest = going.get("/runs?limit=1").json()["items"][0]
    assert (newest["status"], newest["user"]) == ("succeeded", "approver@example.org")


def test_orders_are_checked_first(fresh: ServedSystem) -> None:
    """An order that names nothing, two things, or what does not exist starts nothing."""
    for body in ({}, {"everything": True, "targets": ["a/one"]}, {"targets": ["nonsense"]}):
        assert fresh.post("/deployments", body, Role.APPROVER).status_code == 422
    assert fresh.post("/deployments", {"plan_id": "none"}, Role.APPROVER).status_code == 404
    assert fresh.post("/deployments", {"targets": ["a/nobody"]}, Role.APPROVER).status_code == 404
    assert fresh.post("/deployments", {"resume_run": "none"}, Role.APPROVER).status_code == 404
    assert fresh.runs.started == []
    assert fresh.post("/builds").status_code == 202
    assert fresh.post("/drift-checks").status_code == 202
    assert [flow for flow, _, _ in fresh.runs.started] == ["graph-rebuild", "drift-check"]


def test_what_is_published_and_in_no_build_yet_can_be_deployed(fresh: ServedSystem) -> None:
    """The parameter store decides what there is, not the last build."""
    fresh.configure(e_new={"size": 1})
    for target in ("e/new", "a/one"):
        assert fresh.post("/deployments", {"targets": [target]}, Role.APPROVER).status_code == 202


def test_a_plan_is_made_and_shown_again(fresh: ServedSystem) -> None:
    """POST /plans gives the plan's document, GET /plans/{id} the same."""
    fresh.configure(a_one={"size": 3})
    made = fresh.post("/plans", {"targets": ["a/one"]})
    assert (made.status_code, made.json()["status"]) == (201, "changes")
    assert fresh.get(f"/plans/{made.json()['plan_id']}").json() == made.json()
    assert fresh.get("/plans/none").status_code == 404


def test_an_outside_event_goes_into_the_log(fresh: ServedSystem) -> None:
    """201; it cannot pass for an event of Karma's own."""
    given = {"type": "terraform_apply", "timestamp": "2026-01-31T10:00:00Z", "metadata": {"by": "us"}}
    answer = fresh.post("/events", given)
    assert answer.status_code == 201
    event = fresh.get(f"/log/{answer.json()['id']}").json()
    assert (event["action"], event["user"]) == ("external:terraform_apply", "operator@example.org")
    assert event["inputs"]["metadata"] == {"by": "us"}
    assert fresh.post("/events", {**given, "timestamp": "yesterday"}).status_code == 422


def test_a_stream_goes_on_from_the_last_event_id(fresh: ServedSystem) -> None:
    """The log's numbers are the stream's ids: nothing is lost or repeated over a reconnect."""
    head = fresh.state.chain_head()
    assert head is not None
    seen = []
    last = 0
    while last < head.seq:
        with fresh.http.stream(
            "GET", "/events", headers={**fresh.headers(Role.VIEWER), "last-event-id": str(last)}
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    last = json.loads(line.removeprefix("data: "))["seq"]
                    seen.append(last)
                    if len(seen) % 5 == 0 or last == head.seq:
                        break
    assert seen == list(range(1, head.seq + 1))


def test_a_stream_from_the_future_begins_now(fresh: ServedSystem) -> None:
    """A number that the log has not reached, of one that was there before, keeps nothing back."""
    outside = {"type": "ping", "timestamp": "2026-01-31T10:00:00Z"}
    headers = {**fresh.headers(Role.VIEWER), "last-event-id": "99999999"}
    with fresh.http.stream("GET", "/events", headers=headers, timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        fresh.post("/events", outside)
        assert "external:ping" in next(line for line in lines if line.startswith("data: "))


def test_a_revoked_token_ends_its_stream(fresh: ServedSystem) -> None:
    """Also while events come all the time; what comes afterwards is not shown."""
    outside = {"type": "ping", "timestamp": "2026-01-31T10:00:00Z"}
    headers = {**fresh.headers(Role.VIEWER), "last-event-id": "0"}
    viewer = fresh.tokens[Role.VIEWER].partition("_")[2].partition(".")[0]
    with fresh.http.stream("GET", "/events", headers=headers, timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        revoke(fresh.workspace, viewer)
        sent = 0
        for line in lines:
            if sent == 100:
                break
            if line.startswith("data: "):
                sent += 1
                fresh.post("/events", outside)
                time.sleep(0.05)
    assert 0 < sent < 100
