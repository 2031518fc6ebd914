"""Configs brought here from another environment, over HTTP, and cones brought to their last good configs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from karma_api.service import Service
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create, revoke, tokens
from tests.served_system import ServedSystem, neighbour

WANTED = {"component": "a/one", "from": "dev"}
OPERATOR = "operator@example.org"


@pytest.fixture
def dev() -> Service:
    """A neighbour that has another size and a component of its own."""
    return neighbour("dev", a_one={"size": 7, "zone": "x"}, e_five={"size": 5})[0]


@pytest.fixture
def prod(dev: Service) -> Iterator[ServedSystem]:
    """The environment that is to get configs; its operator has a token of `dev`, too."""
    create(dev.workspace, OPERATOR, Role.VIEWER)
    made = ServedSystem(neighbours={"dev": dev})
    yield made
    made.close()


def test_a_promotion_is_a_change_of_the_target(prod: ServedSystem) -> None:
    """Judged and planned here; it says where it comes from, and its run is started."""
    answer = prod.post("/promotions", WANTED)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (202, "approved")
    assert answer.headers["location"] == f"/changes/{body['change_id']}"
    shown = prod.get(answer.headers["location"]).json()
    assert shown["requested_by"] == OPERATOR
    assert shown["promoted_from"] == {"environment": "dev", "version": 1, "deployed": False}
    flow, parameters, _ = prod.runs.started[0]
    assert (flow, parameters["change_id"], parameters["environment"]) == (
        "change-run",
        body["change_id"],
        "test",
    )


def test_fields_may_be_chosen_and_kept(prod: ServedSystem) -> None:
    """`only` and `keep` as on the command line; a dry run keeps nothing."""
    dry = prod.post("/promotions", {**WANTED, "keep": ["size"], "dry_run": True})
    assert (dry.status_code, dry.json()["change_id"]) == (200, None)
    assert prod.get("/changes").json()["items"] == []
    made = prod.post("/promotions", {**WANTED, "only": ["zone"], "apply": False}).json()
    assert prod.get(f"/changes/{made['change_id']}").json()["edits"][0]["after"] == {"size": 1, "zone": "x"}
    assert prod.runs.started == []
    assert prod.post("/promotions", {**WANTED, "only": ["none"]}).status_code == 400


def test_what_is_not_here_is_created(prod: ServedSystem) -> None:
    """A component that the target has not is requested as a new one."""
    made = prod.post("/promotions", {**WANTED, "component": "e/five"}).json()
    assert made["affected_components"] == ["e/five"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**WANTED, "from": "test"}, 400, "usage"),
        ({**WANTED, "from": "nowhere"}, 404, "not-found"),
        ({**WANTED, "component": "b/none"}, 404, "not-found"),
        ({"component": "a/one"}, 422, "invalid-request"),
    ],
)
def test_what_makes_no_sense_is_refused(
    prod: ServedSystem, body: dict[str, str], status: int, code: str
) -> None:
    """Nothing is kept and nothing started."""
    answer = prod.post("/promotions", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert prod.runs.started == []


def test_who_may_not_read_the_source_promotes_nothing(prod: ServedSystem, dev: Service) -> None:
    """A token counts in one environment: without a good one of the source it is 403, in the source's log."""
    (token,) = (t for t in tokens(dev.workspace) if t.user == OPERATOR)
    revoke(dev.workspace, token.id)
    answer = prod.post("/promotions", WANTED)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    denial = list(dev.log.events(action="access"))[-1]
    assert (denial.user, denial.status, denial.inputs["route"]) == (OPERATOR, "denied", "promotion")
    assert prod.get("/changes").json()["items"] == []


def test_where_nothing_is_planned_the_change_waits_for_its_run(dev: Service) -> None:
    """As with any request: queued, with a run that plans it."""
    create(dev.workspace, OPERATOR, Role.VIEWER)
    prod = ServedSystem(neighbours={"dev": dev}, plans_here=False)
    answer = prod.post("/promotions", WANTED)
    assert (answer.json()["status"], answer.json()["plan"]) == ("queued", None)
    assert len(prod.runs.started) == 1
    prod.close()


def test_an_environment_open_to_anybody_needs_no_second_token(dev: Service) -> None:
    """Where everybody may read, the promoter may, too."""
    access = dev.access.__class__(dev.workspace, anonymous=Role.VIEWER, limits=dev.limits)
    prod = ServedSystem(neighbours={"dev": replace(dev, access=access)})
    assert prod.post("/promotions", WANTED).status_code == 202
    prod.close()


def test_a_cone_is_rolled_back(fresh: ServedSystem) -> None:
    """What failed or was never deployed goes back to the last good configs, as a change with a run."""
    fresh.configure(a_one={"size": 2}, b_two={"a_nickname": "one", "size": 3})
    dry = fresh.post("/rollbacks", {"component": "a/one", "dry_run": True})
    assert (dry.status_code, dry.json()["change_id"]) == (200, None)
    answer = fresh.post("/rollbacks", {"component": "a/one", "reason": "as before"})
    change = answer.json()
    assert (answer.status_code, change["status"]) == (202, "approved")
    shown = fresh.get(answer.headers["location"]).json()
    assert {e["address"]: e["after"] for e in shown["edits"]} == {
        "a/one": {"size": 1},
        "b/two": {"a_nickname": "one"},
    }
    assert (shown["reason"], len(fresh.runs.started)) == ("as before", 1)


def test_a_cone_that_is_good_is_left_alone(fresh: ServedSystem) -> None:
    """There is nothing to restore; and a cone of nothing is not found."""
    good = fresh.post("/rollbacks", {"component": "a/one"})
    assert (good.status_code, good.json()["code"]) == (409, "nothing-to-restore")
    assert fresh.post("/rollbacks", {"component": "a/none"}).status_code == 404
    assert fresh.post("/rollbacks", {}).status_code == 422
    assert fresh.runs.started == []
