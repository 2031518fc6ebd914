"""Who takes secrets without an approval: a checkout cannot say it beyond what is published."""

from __future__ import annotations

import pytest

from karma_core.component_types import TypeDefinition
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.policy.published import PublishedPolicy, laxer
from karma_core.policy.rules import Rules, approvals_of_plan

SHARING = {"vault": TypeDefinition(share_secrets_with=["app"])}


@pytest.mark.parametrize(
    ("shares", "asked"),
    [(None, False), ({"vault": ["app"]}, False), ({"vault": ["web"]}, True), ({}, True)],
)
def test_a_checkout_adds_no_reader(shares: dict[str, list[str]] | None, asked: bool) -> None:
    """Where nothing is published the checkout's word counts."""
    needs = approvals_of_plan(Rules(shares=shares), running("app/one"), SHARING)
    assert bool(needs) is asked
    assert approvals_of_plan(Rules(shares=shares), running("dns/one"), SHARING) == []


def test_the_difference_is_said() -> None:
    """As for every other rule in which a checkout is laxer."""
    local, published = (
        PublishedPolicy(shares={"vault": ["app", "web"]}),
        PublishedPolicy(shares={"vault": ["web"]}),
    )
    assert list(laxer(local, published)) == ["app may not take the secrets of vault in the published policy"]
    assert list(laxer(published, local)) == []
    assert not Rules(shares={}).silent


def running(address: str) -> Plan:
    """A plan in which one component is updated."""
    component = PlannedComponent(address=address, action=Action.UPDATE, reason="")
    return Plan(id="p", environment="t", created_at="", targets=(), components=(component,))
