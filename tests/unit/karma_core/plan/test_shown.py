"""A plan that was shown, held against a later one."""

from __future__ import annotations

import pytest

from karma_core.plan.document import Action, PlannedComponent
from karma_core.plan.shown import Shown
from karma_core.records import PlannedOutputs, PlannedResource, TerraformPlan


def resource(action: str) -> PlannedResource:
    """The one resource, with what is to be done with it."""
    return PlannedResource(address="box.one", type="box", action=action)


@pytest.mark.parametrize(
    ("shown", "now", "begun", "more"),
    [
        ("create", "replace", False, ["box.one"]),
        ("create", "replace", True, []),
        ("update", "replace", True, ["box.one"]),
        ("no-op", "destroy", True, ["box.one"]),
        ("replace", "replace", False, []),
        ("update", "update", False, []),
    ],
)
def test_what_an_attempt_had_half_made_may_be_replaced(
    shown: str, now: str, begun: bool, more: list[str]
) -> None:
    """Only what the plan was to create, and only where an earlier attempt at it had begun."""
    component = PlannedComponent(
        address="box/a", action=Action.CREATE, reason="", resources=(resource(shown),)
    )
    plan = TerraformPlan(
        address="box/a",
        action=now,
        add=0,
        change=0,
        destroy=0,
        resources=(resource(now),),
        outputs=PlannedOutputs(known={}),
        text="",
    )
    assert Shown(plan_id="p", components={"box/a": component}).exceeded_by(plan, begun=begun) == more
