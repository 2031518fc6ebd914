"""What the command line offers, a remote client has, too: its doors, or a reason for none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from typer.main import get_command

from karma_api.routes import ROUTES
from karma_cli.main import app
from karma_core.roles import Role
from tests.change_system import die
from tests.served_system import ServedSystem

OWN_FILES = "it works on files of the caller's machine"
STORES = "it makes or fills stores, with rights that a service has not"
DOORS: dict[str, str | tuple[str, ...]] = {
    "apply": ("POST /changes/apply", "POST /changes/{change_id}/apply"),
    "aws create": STORES,
    "backup": "it copies all that the environment keeps, secrets of states among it, to the caller's place",
    "change approve": ("POST /changes/{change_id}/approve",),
    "change cancel": ("POST /changes/{change_id}/cancel",),
    "change list": ("GET /changes",),
    "change promote": ("POST /promotions",),
    "change reject": ("POST /changes/{change_id}/reject",),
    "change request": ("POST /request-change",),
    "change retry": ("POST /changes/{change_id}/retry",),
    "change rollback": ("POST /changes/{change_id}/rollback", "POST /rollbacks"),
    "change show": ("GET /changes/{change_id}",),
    "config diff": ("GET /config/diff",),
    "config publish": ("POST /publications", "POST /request-publication"),
    "config pull": OWN_FILES,
    "config show": ("GET /config/{type}/{nickname}",),
    "deploy": ("POST /deployments", "POST /runs/{run_id}/abandon"),
    "destroy": ("POST /destructions",),
    "doctor": OWN_FILES,
    "drift": ("GET /drift", "POST /drift-checks"),
    "graph build": ("POST /builds",),
    "graph copy": STORES,
    "graph diff": ("GET /graph/diff",),
    "graph explain": "it reads the modules of the caller's checkout",
    "graph export": ("GET /graph/export",),
    "graph history": ("GET /builds", "GET /builds/{build_id}"),
    "graph impact": ("GET /graph/impact",),
    "graph path": ("GET /graph/path",),
    "graph query": ("POST /graph/query",),
    "graph show": ("GET /graph",),
    "graph validate": ("GET /graph/validate",),
    "init": OWN_FILES,
    "log artifacts": ("GET /log", "GET /artifacts"),
    "log diff": ("GET /log/diff",),
    "log export": ("GET /log",),
    "log grep": ("GET /log",),
    "log list": ("GET /log",),
    "log show": ("GET /log/{event_id}", "GET /artifacts"),
    "log verify": ("GET /log/verify",),
    "plan": ("POST /plans", "GET /plans/{plan_id}"),
    "policy publish": "it publishes the policy of the caller's checkout",
    "policy show": "it compares the caller's checkout",
    "propose-change": ("POST /request-change",),
    "restore": STORES,
    "token create": "a token's text passes no network",
    "token list": ("GET /tokens",),
    "token revoke": ("POST /tokens/{token_id}/revoke",),
    "up": "it is the service",
    "why": ("GET /why",),
}


def test_every_command_has_its_doors() -> None:
    """A new command has to be added here, with its doors or the reason why it has none."""
    names = set()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        names |= {f"{name} {sub}" for sub in below} if below else {name}
    assert names == DOORS.keys()
    doors = {door for listed in DOORS.values() if isinstance(listed, tuple) for door in listed}
    assert doors <= {f"{route.method} {route.path}" for route in ROUTES}


def test_all_that_may_go_on_is_started(fresh: ServedSystem) -> None:
    """Approved and waiting changes get a run each, in their order; what waits for a person gets none."""
    body = {"component": "a/one", "proposed_change": {"size": 2}}
    first = fresh.post("/request-change?apply=false", body).json()
    second = fresh.post("/request-change?apply=false", {**body, "proposed_change": {"size": 3}}).json()
    assert (first["status"], second["status"], fresh.runs.started) == ("approved", "queued", [])
    answer = fresh.post("/changes/apply")
    ids = [first["change_id"], second["change_id"]]
    assert (answer.status_code, answer.json()) == (202, {"change_ids": ids})
    assert [parameters["change_id"] for _, parameters, _ in fresh.runs.started] == ids


def test_a_destroy_is_ordered_and_done() -> None:
    """Consumers first; refused while others that are deployed consume it."""
    served = ServedSystem(runs_go=True)
    refused = served.post("/destructions", {"targets": ["a/one"]}, Role.APPROVER)
    assert (refused.status_code, refused.json()["code"]) == (409, "consumers-live")
    assert served.post("/destructions", {}, Role.APPROVER).status_code == 422
    assert served.post("/destructions", {"targets": ["a/none"]}, Role.APPROVER).status_code == 404
    answer = served.post("/destructions", {"targets": ["b/two", "c/three"]}, Role.APPROVER)
    assert (answer.status_code, answer.json()["components"]) == (202, ["c/three", "b/two"])
    served.runs.close()
    assert served.state.all_applied().keys() == {"a/one", "d/four"}
    newest = served.get("/runs?limit=1").json()["items"][0]
    assert (newest["kind"], newest["status"]) == ("destroy", "succeeded")
    served.close()


def test_a_destroy_is_bound_to_its_plan_and_waits_for_an_approval() -> None:
    """Planned over the API; its run ends as a change, which an approval lets go on."""
    served = ServedSystem(runs_go=True)
    served.policy["require_approval"] = True
    assert served.post("/plans", {"changed": True, "destroy": True}).status_code == 422
    made = served.post("/plans", {"targets": ["d/four"], "destroy": True}).json()
    assert [(c["address"], c["action"]) for c in made["components"]] == [("d/four", "destroy")]
    answer = served.post("/destructions", {"plan_id": made["plan_id"]}, Role.APPROVER)
    assert (answer.status_code, answer.json()["components"]) == (202, ["d/four"])
    change = wait_for_change(served)
    assert (change["kind"], change["components"]) == ("destroy", ["d/four"])
    shown = served.get(f"/changes/{change['change_id']}").json()
    assert shown["plan_id"] == made["plan_id"]
    assert served.state.all_applied().keys() >= {"d/four"}
    served.post(f"/changes/{change['change_id']}/approve", {}, Role.APPROVER)
    served.runs.close()
    assert "d/four" not in served.state.all_applied()
    assert served.get(f"/changes/{change['change_id']}").json()["status"] == "applied"
    served.close()


def wait_for_change(served: ServedSystem) -> dict[str, Any]:
    """The first change that waits for an approval."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        waiting = served.get("/changes?status=awaiting_approval").json()["items"]
        if waiting:
            return dict(waiting[0])
        time.sleep(0.05)
    raise AssertionError("no change waits")


def test_an_override_is_ordered_with_its_reason(fresh: ServedSystem) -> None:
    """The reason goes to the run, which asks the policy."""
    body = {"targets": ["d/four"], "override_policy": "the site is down"}
    for path in ("/deployments", "/destructions"):
        assert fresh.post(path, body, Role.APPROVER).status_code == 202
    assert [order["override_policy"] for _, order, _ in fresh.runs.started] == ["the site is down"] * 2


def test_a_run_that_ended_early_is_abandoned(fresh: ServedSystem) -> None:
    """It is closed for good; one that ended well cannot be."""
    (done,) = fresh.get("/runs").json()["items"]
    refused = fresh.post(f"/runs/{done['id']}/abandon", role=Role.APPROVER)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-resumable")
    fresh.configure(a_one={"size": 2})
    die(fresh, "deploy.after_apply", fresh.deploy)
    run_id = fresh.get("/runs?limit=1").json()["items"][0]["id"]
    answer = fresh.post(f"/runs/{run_id}/abandon", role=Role.APPROVER)
    assert answer.json() == {"run_id": run_id, "status": "abandoned"}
    assert fresh.get(f"/runs/{run_id}").json()["status"] == "abandoned"


def test_a_token_is_revoked(fresh: ServedSystem) -> None:
    """By an admin, in whose name it stands in the log."""
    ids_by_user = {token["user"]: token["id"] for token in fresh.get("/tokens", Role.ADMIN).json()["tokens"]}
    answer = fresh.post(f"/tokens/{ids_by_user['viewer@example.org']}/revoke", role=Role.ADMIN)
    assert answer.json()["revoked_at"]
    assert "digest" not in answer.json()
    fresh.service.access._remembered.clear()
    assert fresh.get("/whoami").status_code == 401
    event = list(fresh.log.events(action="token_revoke"))[-1]
    assert (event.user, event.inputs["for_user"]) == ("admin@example.org", "viewer@example.org")


def test_findings_are_those_of_now(fresh: ServedSystem) -> None:
    """What a build would say, without one."""
    before = fresh.get("/builds").json()
    assert fresh.get("/graph/validate").json() == {"environment": "test", "findings": []}
    fresh.configure(b_two={"a_nickname": "none"})
    (finding,) = [f for f in fresh.get("/graph/validate").json()["findings"] if f["severity"] == "error"]
    assert (finding["code"], finding["component"]) == ("missing-component", "b/two")
    assert fresh.get("/builds").json() == before


@pytest.mark.parametrize(
    ("form", "begins"),
    [("mermaid", "flowchart"), ("dot", "digraph"), ("graphml", "<?xml"), ("json", "{")],
)
def test_the_graph_is_exported(served: ServedSystem, form: str, begins: str) -> None:
    """As text, of now or of an earlier build; another form is refused."""
    answer = served.get(f"/graph/export?format={form}")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(begins)
    assert "a/one" in answer.text
    assert served.get(f"/graph/export?format={form}&at=1").text.count("absent") == 4
    assert served.get("/graph/export?format=png").status_code == 400


def test_a_rebuild_may_keep_going() -> None:
    """With errors nothing is published, unless the order says so."""
    served = ServedSystem(runs_go=True)
    served.configure(b_two={"a_nickname": "none"}, d_four={"size": 9})
    builds = len(served.get("/builds").json()["items"])
    assert served.post("/builds", {"keep_going": True}).status_code == 202
    served.runs.close()
    assert len(served.get("/builds").json()["items"]) == builds + 1
    assert served.get("/components/b/two").json()["status"] == "invalid"
    served.close()


def test_events_with_artifacts(served: ServedSystem) -> None:
    """Only those that name some; the cursor leads on among them."""
    every = [e["seq"] for e in served.get("/log?limit=500").json()["items"] if e["artifacts"]]
    seen, after = [], ""
    while True:
        page = served.get(f"/log?with_artifacts=true&limit=2{after}").json()
        seen += [event["seq"] for event in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert every
    assert seen == every


def test_a_plan_since_a_commit_asks_git(fresh: ServedSystem) -> None:
    """As `--since`; where there is no work tree, that is said; with targets it is one way too many."""
    by_stores = ServedSystem(plans_here=False)
    assert by_stores.post("/plans", {"since": "main~1"}).json()["code"] == "no-terraform"
    by_stores.close()
    both = fresh.post("/plans", {"since": "main", "targets": ["a/one"]})
    assert both.status_code == 422
    order = fresh.post("/deployments", {"since": "main"}, Role.APPROVER)
    assert order.status_code == 202
    assert fresh.runs.started[0][1]["since"] == "main"
