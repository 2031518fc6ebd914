"""What an approval covers: a plan that only refines the shown one."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.changes.digest import MASK, STRENGTH, canonical_plan, digest, exceeds
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.plan.explain import Explained
from karma_core.records import PlannedResource


def resource(action: str = "update", after: Any = None, unknown: Any = None, name: str = "r.x") -> Any:
    """A planned resource."""
    return PlannedResource(address=name, type="r", action=action, after=after or {"v": 1}, unknown=unknown)


def form(
    *resources: PlannedResource,
    action: str = "update",
    versions: dict[str, int] | None = None,
    cone: tuple[str, ...] = ("a/one",),
    plan_id: str = "p",
    fingerprint: str = "",
    reload: str = "",
    **inputs: str,
) -> Any:
    """The canonical form of a plan of one component, which was made from `inputs`."""
    component = PlannedComponent(
        address="a/one",
        action=Action(action),
        reason=plan_id,
        resources=resources,
        fingerprint=fingerprint,
        reload=reload,
        explained=tuple(Explained(input=name, old=None, new=value) for name, value in inputs.items()),
    )
    plan = Plan(id=plan_id, environment="t", created_at=plan_id, targets=(), components=(component,))
    return canonical_plan(plan, versions or {"a/one": 1}, cone)


def test_every_action_has_a_strength() -> None:
    """A new action must be placed before it can be approved."""
    assert {str(action) for action in Action} <= set(STRENGTH)


def test_the_same_plan_made_again_has_the_same_digest() -> None:
    """Ids, times and wording do not enter it; values, versions and the cone do."""
    shown = form(resource())
    assert digest(shown) == digest(form(resource(), plan_id="q"))
    assert exceeds(shown, form(resource(), plan_id="q")) == []
    others = [
        form(resource(after={"v": 2})),
        form(resource(), versions={"a/one": 2}),
        form(resource(), cone=("a/one", "b/two")),
        form(resource("replace"), action="replace"),
        form(resource(unknown={"v": True})),
    ]
    assert len({digest(shown), *map(digest, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("shown", "new"),
    [
        (form(resource(after={"v": None}, unknown={"v": True})), form(resource(after={"v": 7}))),
        (form(resource("replace"), action="replace"), form(resource("update"))),
        (form(resource(), resource(name="r.y")), form(resource())),
        (form(resource()), form(action="no-op")),
        (form(resource(), cone=("a/one", "b/two")), form(resource(), cone=("a/one",))),
    ],
)
def test_a_refinement_is_covered(shown: Any, new: Any) -> None:
    """An unknown became known, or less is done than was shown."""
    assert exceeds(shown, new) == []


@pytest.mark.parametrize(
    ("shown", "new", "why"),
    [
        (form(resource()), form(resource(after={"v": 2})), "values differ"),
        (form(resource()), form(resource(after={"v": None}, unknown={"v": True})), "values differ"),
        (form(resource()), form(resource(after={"v": 1, "w": 1})), "values differ"),
        (form(resource(after={"v": [1, 2]})), form(resource(after={"v": [1]})), "values differ"),
        (form(resource(after={"v": 1})), form(resource(after={"v": True})), "values differ"),
        (form(resource()), form(resource("replace"), action="replace"), "replace instead of update"),
        (form(resource()), form(resource("replace")), "replace instead of update"),
        (form(resource()), form(resource(), resource(name="r.y")), "r.y: update was not shown"),
        (form(action="deferred"), form(resource()), "deferred"),
        (form(resource()), form(resource(), versions={"a/one": 2}), "versions have moved"),
        (form(resource()), form(resource(), cone=("a/one", "b/two")), "b/two is new"),
        (form(action="no-op"), form(resource()), "update instead of no-op"),
    ],
)
def test_what_is_more_than_was_shown_is_not_covered(shown: Any, new: Any, why: str) -> None:
    """No new address, no stronger action, known values equal, the same versions and cone."""
    assert why in "; ".join(exceeds(shown, new))


def test_a_changed_secret_voids_an_approval() -> None:
    """Masked values look the same; the fingerprint, which holds their HMAC, tells them apart."""
    hidden = resource(after={"password": MASK})
    assert exceeds(form(hidden, fingerprint="x"), form(hidden, fingerprint="x")) == []
    assert "sensitive" in exceeds(form(hidden, fingerprint="x"), form(hidden, fingerprint="y"))[0]


@pytest.mark.parametrize("part", ["config", "module", "variables"])
def test_an_edit_that_no_planned_value_shows_is_not_covered(part: str) -> None:
    """A provisioner is in no planned value, so nothing of its own may move in a component that runs."""
    shown, edited = form(resource(), **{part: "sha256:1"}), form(resource(), **{part: "sha256:2"})
    assert exceeds(shown, edited) == [f"a/one: its {part} changed"]
    assert exceeds(shown, shown) == []
    assert exceeds(shown, form(action="no-op", **{part: "sha256:2"})) == []
    assert exceeds(shown, form(resource(), terraform="1.12")) == []


def test_an_edited_reload_action_is_not_covered() -> None:
    """It is a command, and the plan shows no more of it than that it is carried out."""
    shown, edited = form(action="reload", reload="sha256:1"), form(action="reload", reload="sha256:2")
    assert exceeds(shown, edited) == ["a/one: its reload action changed"]
    assert exceeds(form(action="reload"), edited) == [], "a plan of before that did not keep it"
