"""Selections in request bodies: several components, and one answer for one fault wherever it is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_api.service import Service
from karma_core.roles import Role
from karma_core.strictjson import canonical
from karma_core.use_cases.access.tokens import create
from tests.served_system import ServedSystem, neighbour


def addresses(answer: Any) -> set[str]:
    """Addresses of a plan's components."""
    return {component["address"] for component in answer.json()["components"]}


def refusal(answer: Any) -> tuple[int, str]:
    """(status, code) of a refusal."""
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("body", "planned"),
    [
        ({"targets": ["c/three", "d/*"]}, {"c/three", "d/four"}),
        ({"types": ["d"]}, {"d/four"}),
        ({"everything": True, "exclude": ["*/one", "d/*"]}, {"b/two", "c/three"}),
        ({"targets": ["test:d/four"]}, {"d/four"}),
    ],
)
def test_plans_take_selections(served: ServedSystem, body: dict[str, Any], planned: set[str]) -> None:
    """Patterns, types and exclusions, as on the command line."""
    assert addresses(served.post("/plans", body)) == planned


def test_what_changed_is_planned_with_what_it_needs(fresh: ServedSystem) -> None:
    """It is compared with what was applied: a server without a work tree can do it."""
    fresh.configure(c_three={"b_nickname": "two", "z": 1})
    assert addresses(fresh.post("/plans", {"changed": True})) == {"c/three"}
    with_producers = fresh.post("/plans", {"changed": True, "with_producers": True})
    assert addresses(with_producers) == {"a/one", "b/two", "c/three"}


CONTRADICTIONS: list[dict[str, Any]] = [
    {},
    {"exclude": ["a/one"]},
    {"with_producers": True},
    {"targets": ["a/one"], "everything": True},
    {"types": ["a"], "changed": True},
    {"everything": True, "changed": True},
    {"everything": True, "since": "main"},
    {"everything": True, "with_producers": True},
]


@pytest.mark.parametrize("body", CONTRADICTIONS)
@pytest.mark.parametrize("path", ["/plans", "/deployments", "/destructions", "/promotions"])
def test_a_contradictory_selection_is_one_fault(
    served: ServedSystem, path: str, body: dict[str, Any]
) -> None:
    """A document that cannot be used (422), as every other that contradicts itself; nothing is started."""
    body = body if path != "/promotions" else {**body, "from": "dev"}
    assert refusal(served.post(path, body, Role.APPROVER)) == (422, "invalid-request")
    assert served.runs.started == []


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"targets": ["x/*"]}, 400, "nothing-matches"),
    ({"types": ["x"]}, 400, "nothing-matches"),
    ({"everything": True, "exclude": ["x/*"]}, 400, "nothing-matches"),
    ({"everything": True, "exclude": ["*"]}, 400, "nothing-matches"),
    ({"targets": ["prod:a/one"]}, 400, "usage"),
    ({"targets": ["a/none"]}, 404, "not-found"),
    ({"targets": ["a one"]}, 422, "invalid-request"),
    ({"target": ["a/one"]}, 422, "invalid-request"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD)
@pytest.mark.parametrize("path", ["/plans", "/deployments", "/destructions"])
def test_names_that_mean_nothing_are_refused_alike(
    served: ServedSystem, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    """At once: the caller would not see how a run fails. Nothing is started."""
    assert refusal(served.post(path, body, Role.APPROVER)) == (status, code)
    assert served.runs.started == []


# -- the server's work tree ---------------------------------------------------------------------------


def test_the_servers_work_tree_is_planned_and_not_deployed(tmp_path: Path) -> None:
    """`from_worktree` plans what is not published; what starts a run refuses the plan at once."""
    served = ServedSystem(root=tmp_path)
    path = tmp_path / "iac/test/d/four/config.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(canonical({"size": 9}))
    made = served.post("/plans", {"types": ["d"], "from_worktree": True}).json()
    assert [c["action"] for c in made["components"]] == ["update"]
    deployed = served.post("/deployments", {"plan_id": made["plan_id"]}, Role.APPROVER)
    assert refusal(deployed) == (409, "unpublished-plan")
    assert served.runs.started == []
    plain = served.post("/plans", {"types": ["d"]}).json()
    assert [c["action"] for c in plain["components"]] == ["no-op"]
    assert [f["code"] for f in plain["findings"]] == ["unpublished"]
    contradiction = served.post("/plans", {"types": ["d"], "from_worktree": True, "destroy": True})
    assert refusal(contradiction) == (422, "invalid-request")
    served.close()


def test_where_there_is_no_work_tree_none_is_planned(tmp_path: Path) -> None:
    """A typed refusal that says where it works: without a checkout, and without the environment in it."""
    body = {"types": ["d"], "from_worktree": True}
    by_stores = ServedSystem(plans_here=False)
    answer = by_stores.post("/plans", body)
    assert refusal(answer) == (409, "no-terraform")
    assert "command line" in answer.json()["next"]
    by_stores.close()
    served = ServedSystem(root=tmp_path)
    assert refusal(served.post("/plans", body)) == (404, "not-found")
    served.close()


# -- promotion ----------------------------------------------------------------------------------------


@pytest.fixture
def dev() -> Service:
    """A neighbour with two other sizes, an equal config, and a component of its own."""
    configs: dict[str, Any] = {
        "a_one": {"size": 7},
        "d_four": {"size": 8, "zone": "x"},
        "b_two": {"a_nickname": "one"},
        "e_five": {"size": 5},
    }
    return neighbour("dev", **configs)[0]


@pytest.fixture
def prod(dev: Service) -> Iterator[ServedSystem]:
    """The environment that is to get configs."""
    create(dev.workspace, "operator@example.org", Role.VIEWER)
    made = ServedSystem(neighbours={"dev": dev})
    yield made
    made.close()


@pytest.mark.parametrize(
    ("body", "promoted"),
    [
        ({"targets": ["a/one", "d/four"]}, ["a/one", "d/four"]),
        ({"targets": ["*"], "exclude": ["a/*"]}, ["d/four", "e/five"]),
        ({"types": ["b", "d"]}, ["d/four"]),
        ({"everything": True, "exclude": ["dev:e/five"]}, ["a/one", "d/four"]),
    ],
)
def test_several_configs_are_promoted_in_one_change(
    prod: ServedSystem, body: dict[str, Any], promoted: list[str]
) -> None:
    """Named among the source's configs; those that are the same in both are left out."""
    made = prod.post("/promotions", {**body, "from": "dev", "apply": False}).json()
    shown = prod.get(f"/changes/{made['change_id']}").json()
    assert [edit["address"] for edit in shown["edits"]] == promoted


def test_fields_are_chosen_of_all(prod: ServedSystem) -> None:
    """A field that only some have is taken of these; one that none has is refused."""
    body = {"targets": ["a/one", "d/four"], "from": "dev", "apply": False}
    made = prod.post("/promotions", {**body, "only": ["zone"]}).json()
    edits = prod.get(f"/changes/{made['change_id']}").json()["edits"]
    assert [(e["address"], e["after"]) for e in edits] == [("d/four", {"size": 4, "zone": "x"})]
    assert prod.post("/promotions", {**body, "keep": ["none"]}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"types": ["b"]}, 409, "nothing-to-promote"),
        ({"types": ["c"]}, 400, "nothing-matches"),
        ({"targets": ["a/one"], "exclude": ["a/*"]}, 400, "nothing-matches"),
        ({"targets": ["test:a/one"]}, 400, "usage"),
        ({"component": "a/one", "types": ["d"]}, 422, "invalid-request"),
    ],
)
def test_a_promotion_of_nothing_is_refused(
    prod: ServedSystem, body: dict[str, Any], status: int, code: str
) -> None:
    """What names nothing, or nothing that differs, is no change."""
    assert refusal(prod.post("/promotions", {**body, "from": "dev"})) == (status, code)
    assert prod.get("/changes").json()["items"] == []
