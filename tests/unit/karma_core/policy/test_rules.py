"""Policy, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from karma_core import documents
from karma_core.changes.record import Edit
from karma_core.component_types import TypeDefinition
from karma_core.errors import SettingsError
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.policy.document import read_policy
from karma_core.policy.freeze import Freeze
from karma_core.policy.identities import read_identities
from karma_core.policy.published import Protection
from karma_core.policy.rules import (
    Facts,
    Rules,
    approvals,
    approvals_of_plan,
    may_approve,
    may_override,
    rejections,
)

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)  # a Friday
DEFINITIONS = {"a": TypeDefinition(protected_fields=["cidr"], protected=True), "b": TypeDefinition()}


def edit(before: Any = None, after: Any = None, address: str = "a/one") -> Edit:
    """An edit of one component."""
    return Edit(address=address, before=before, base_version=1, after=after)


def facts(*edits: Edit, **fields: Any) -> Facts:
    """Facts with everything harmless."""
    known: dict[str, Any] = {"requested_by": "ann", "cone": ("a/one",), "users_of": {}, "region": "eu-west-1"}
    return Facts(**{**known, **fields, "edits": edits or (edit({}, {}),)})


def rules_of(*policies: dict[str, Any], **more: Any) -> Rules:
    """The rules of these policies, all in force."""
    return Rules(policies=tuple(read_policy(policy) for policy in policies), **more)


def rejected(policy: dict[str, Any], about: Facts, now: datetime = NOW) -> list[str]:
    """Codes of what forbids."""
    return [f.code for f in rejections(rules_of(policy), about, DEFINITIONS, now)]


def test_an_empty_policy_forbids_nothing() -> None:
    """Without rules, every change may go on."""
    assert rejected({}, facts()) == []
    assert approvals(rules_of({}), facts(), DEFINITIONS) == []


def test_only_allowed_requesters_may_request() -> None:
    """Patterns name them."""
    assert rejected({"requesters": ["*@example.org"]}, facts()) == ["policy-requester"]
    assert rejected({"requesters": ["*@example.org", "ann"]}, facts()) == []


def test_a_freeze_holds_in_its_own_time_zone() -> None:
    """The same moment is frozen in one zone and not in another; the end is free again."""
    window = {"reason": "sale", "starts": "2026-01-02T12:30:00", "ends": "2026-01-02T13:30:00"}
    assert rejected({"freeze": [window]}, facts()) == []
    assert rejected({"freeze": [{**window, "timezone": "Europe/Berlin"}]}, facts()) == ["policy-freeze"]
    end = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
    assert rejected({"freeze": [{**window, "timezone": "Europe/Berlin"}]}, facts(), end) == []


def test_a_freeze_may_come_every_week() -> None:
    """Days and times are local: Friday noon in UTC is Saturday in Auckland."""
    late = {"reason": "weekend", "days": ["fri"], "from_time": "12:00"}
    assert documents.read(Freeze, late).holds(NOW)
    assert not documents.read(Freeze, {**late, "from_time": "12:01"}).holds(NOW)
    assert not documents.read(Freeze, {**late, "from_time": "00:00", "until_time": "12:00"}).holds(NOW)
    auckland = {"reason": "weekend", "days": ["sat"], "timezone": "Pacific/Auckland"}
    assert documents.read(Freeze, auckland).holds(NOW)


@pytest.mark.parametrize(
    "freeze",
    [
        {"reason": "x"},
        {"reason": "x", "starts": "2026-01-01T00:00:00"},
        {"reason": "x", "days": ["fri"], "timezone": "Mars/Base"},
        {"reason": "x", "days": ["fri"], "from_time": "25:00"},
        {"reason": "x", "starts": "2026-01-01T00:00:00Z", "ends": "2026-01-02T00:00:00Z"},
    ],
)
def test_a_freeze_that_says_nothing_clear_is_refused(freeze: dict[str, Any]) -> None:
    """A rule that could be misread is no rule."""
    with pytest.raises(SettingsError, match="policy"):
        read_policy({"freeze": [freeze]})


def test_protected_fields_are_rejected_while_used_and_need_an_approval_otherwise() -> None:
    """By policy, an approval may be enough in both cases; other fields are free."""
    moved = facts(edit({"cidr": "1", "x": 1}, {"cidr": "2", "x": 1}), users_of={"a/one": ("b/two",)})
    assert rejected({}, moved) == ["protected-field"]
    assert rejected({"protected_fields": "approve"}, moved) == []
    unused = facts(edit({"cidr": "1"}, {}))
    assert rejected({}, unused) == []
    for about in (moved, unused):
        assert "a/one: cidr is a protected field" in approvals(rules_of({}), about, DEFINITIONS)
    free = facts(edit({"cidr": "1", "x": 1}, {"cidr": "1", "x": 2}), users_of={"a/one": ("b/two",)})
    assert rejected({}, free) == approvals(rules_of({}), free, DEFINITIONS) == []


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"require_approval": True}, "every change"),
        ({"protected": ["a/*"]}, "a/one is protected"),
        ({"largest_cone": 1}, "its cone has 2"),
    ],
)
def test_rules_that_ask_for_an_approval(policy: dict[str, Any], why: str) -> None:
    """Each says why."""
    about = facts(cone=("a/one", "b/two"))
    assert why in approvals(rules_of(policy), about, DEFINITIONS)[0]
    assert approvals(rules_of({"largest_cone": 2}), about, DEFINITIONS) == []


def planned(address: str, action: str, destroy: int = 0, to_forget: int = 0) -> Plan:
    """A plan of one component."""
    component = PlannedComponent(
        address=address, action=Action(action), reason="", destroy=destroy, to_forget=to_forget
    )
    return Plan(id="p", environment="t", created_at="", targets=(), components=(component,))


def test_what_destroys_or_cannot_be_seen_needs_an_approval() -> None:
    """Destroy and replace by default, always for protected types; deferred components always."""
    strict, loose = rules_of({}), rules_of({"destroy_needs_approval": False})
    assert approvals_of_plan(strict, planned("b/two", "replace", 1), DEFINITIONS)
    assert not approvals_of_plan(loose, planned("b/two", "replace", 1), DEFINITIONS)
    assert approvals_of_plan(loose, planned("a/one", "destroy", 1), DEFINITIONS)
    assert approvals_of_plan(loose, planned("b/two", "deferred"), DEFINITIONS)
    assert not approvals_of_plan(strict, planned("a/one", "update"), DEFINITIONS)


def test_what_forgets_needs_an_approval_where_destroying_does() -> None:
    """A resource that is in no state any more is as good as lost to whoever works with Karma."""
    strict, loose = rules_of({}), rules_of({"destroy_needs_approval": False})
    said = approvals_of_plan(strict, planned("b/two", "update", 0, 2), DEFINITIONS)
    assert said == ["b/two: update forgets 2 resource(s)"]
    said = approvals_of_plan(strict, planned("b/two", "update", 1, 2), DEFINITIONS)
    assert said == ["b/two: update destroys 1 resource(s) and forgets 2 resource(s)"]
    assert not approvals_of_plan(loose, planned("b/two", "update", 0, 2), DEFINITIONS)
    assert approvals_of_plan(loose, planned("a/one", "update", 0, 1), DEFINITIONS)


def test_who_may_approve() -> None:
    """Approvers by pattern; requester and approver may have to differ."""
    assert may_approve(rules_of({}), "ann", "ann") == ""
    assert "none of the approvers" in may_approve(rules_of({"approvers": ["bob"]}), "ann", "eve")
    assert may_approve(rules_of({"approvers": ["b*"]}), "bob", "eve") == ""
    assert "another must" in may_approve(rules_of({"distinct_approver": True}), "ann", "ann")


@pytest.mark.parametrize(
    ("text", "is_rejected"),
    [
        ("/iac-prod/vpc/core/runtime", True),
        ("ssm:/iac-prod/vpc/core/runtime", True),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/iac-prod/vpc/core/runtime", True),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/iac/vpc/core/runtime", True),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/iac/vpc/core/runtime", False),
        ("/iac/vpc/core/runtime", False),
        ("/my/iac-prod/x", False),
        ("arn:aws-cn:ssm:cn-north-1:123456789012:parameter/iac/vpc/core/runtime", True),
        ("arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/iac/vpc/core/runtime", True),
        ("see arn:aws:ssm:us-east-1:123456789012:parameter/iac/vpc/core/runtime", True),
        ('["arn:aws:ssm:eu-west-1:1:parameter/a","arn:aws:ssm:us-east-1:1:parameter/a"]', True),
    ],
)
@pytest.mark.parametrize("as_key", [False, True])
def test_references_into_another_environment_are_rejected(text: str, is_rejected: bool, as_key: bool) -> None:
    """Where no producer is seen, nothing keeps order: in values, keys and texts, for every partition."""
    after = {"deep": [{text: 1} if as_key else text]}
    about = facts(edit({}, after), foreign_prefixes=("/iac-prod",))
    assert (rejected({}, about) == ["cross-environment"]) is is_rejected


STRICT_AND_LAX = ({"require_approval": True, "approvers": ["bob"]}, {})


@pytest.mark.parametrize("policies", [STRICT_AND_LAX, STRICT_AND_LAX[::-1]])
def test_every_policy_in_force_has_to_be_satisfied(policies: tuple[dict[str, Any], ...]) -> None:
    """A laxer one beside it takes nothing away, and nothing is said twice."""
    rules = rules_of(*policies)
    assert approvals(rules, facts(), DEFINITIONS) == ["every change needs one"]
    assert approvals(rules_of(policies[0], policies[0]), facts(), DEFINITIONS) == approvals(
        rules_of(policies[0]), facts(), DEFINITIONS
    )
    assert "none of the approvers" in may_approve(rules, "eve", "ann")
    assert may_approve(rules, "Bob", "ann") == ""
    assert rules.guarded
    assert not rules.silent


def test_the_strictest_number_counts() -> None:
    """The shortest time, the smallest cone; a rollback where any policy wants it."""
    rules = rules_of(
        {"approval_hours": 1, "largest_cone": 5, "on_failure": "roll_back"},
        {"approval_hours": 9, "largest_cone": 1},
    )
    assert rules.approval_hours == 1
    assert rules.rolls_back
    assert "more than 1" in approvals(rules, facts(cone=("a/one", "b/two")), DEFINITIONS)[0]


def test_what_is_published_protects_a_type_whatever_its_definition_says() -> None:
    """Both its fields and its resources."""
    rules = rules_of(
        {"destroy_needs_approval": False}, types={"b": Protection(protected=True, protected_fields=["x"])}
    )
    assert approvals_of_plan(rules, planned("b/two", Action.REPLACE, 1), DEFINITIONS)
    about = facts(edit({"x": 1}, {"x": 2}, "b/two"), users_of={"b/two": ("c/three",)})
    assert [f.code for f in rejections(rules, about, DEFINITIONS, NOW)] == ["protected-field"]


@pytest.mark.parametrize("action", [Action.DESTROY, Action.REPLACE])
def test_protected_components_are_kept_whatever_else_needs_no_approval(action: Action) -> None:
    """A pattern of the policy protects as a type does."""
    rules = rules_of({"destroy_needs_approval": False, "protected": ["b/*"]})
    assert approvals_of_plan(rules, planned("b/two", action, 1), DEFINITIONS)
    assert not approvals_of_plan(rules, planned("c/two", action, 1), DEFINITIONS)


def test_a_distinct_approver_is_another_person() -> None:
    """Whatever names the two were proven under."""
    people = read_identities({"ann": ["ann@example.org", "github:ann-dev"]})
    rules = rules_of({"distinct_approver": True}, identities=people)
    for approver in ("ann", "ANN@example.org", "webhook:ann-dev"):
        assert "another must approve" in may_approve(rules, approver, "webhook:Ann-Dev")
    assert may_approve(rules, "bob", "ann-dev") == ""


def test_nobody_overrides_unless_every_policy_that_speaks_names_them() -> None:
    """A checkout cannot name its user."""
    assert may_override(rules_of({}), "ann")
    assert may_override(rules_of({"overriders": ["ann"]}), "ann") == ""
    assert may_override(rules_of({"require_approval": True}, {"overriders": ["ann"]}), "ann")
    assert may_override(rules_of({"overriders": ["ann"]}, {}), "ann") == ""
