"""The judgement, rule by rule, on a simulated graph."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.changes.states import State
from karma_core.records import ParameterKind, ParameterWrite
from tests.change_system import ChangeSystem

SCHEMA = {"d": {"schema": {"type": "object", "properties": {"size": {"type": "integer"}}}}}


@pytest.fixture
def system() -> ChangeSystem:
    """a/one ← b/two ← c/three, d/four alone; all deployed. e/five has a config and no deployment."""
    system = ChangeSystem(SCHEMA)
    system.configure(
        a_one={"size": 1}, b_two={"a_nickname": "one"}, c_three={"b_nickname": "two"}, d_four={"size": 1}
    )
    system.deploy()
    system.configure(e_five={})
    return system


def verdict(system: ChangeSystem, component: str, **body: Any) -> set[str]:
    """Rules that reject, and that nothing was touched by it."""
    before = system.parameters.revision()
    change = system.request(component, **body)
    assert (change.status is State.REJECTED) == bool(system.codes(change))
    assert system.parameters.revision() == before
    if change.status is State.REJECTED:
        assert change.why
        assert change.last_event
    return system.codes(change)


def test_a_harmless_change_is_approved(system: ChangeSystem) -> None:
    """Nothing speaks against it, its cone is said, its plan is shown."""
    change = system.request("a/one", proposed_change={"size": 2})
    assert (change.status, change.cone) == (State.APPROVED, ("a/one", "b/two", "c/three"))
    assert change.plan_id


@pytest.mark.parametrize(
    ("component", "body", "rule"),
    [
        ("d/four", {"proposed_change": {"size": "large"}}, "schema"),
        ("d/four", {"proposed_change": {"text": "x" * 9000}}, "too-large"),
        ("d/four", {"proposed_change": {"text": "{{ssm:y}}"}}, "parameter-reference"),
        ("d/four", {"proposed_change": {"a_nickname": "gone"}}, "missing-component"),
        ("d/four", {"proposed_change": {"e_nickname": "five"}}, "producer-not-deployed"),
        ("d/four", {"proposed_change": {"d_nickname": "four"}}, "self-reference"),
        ("a/one", {"proposed_change": {"c_nickname": "three"}}, "cycle"),
        ("a/one", {"proposed_change": {"depends_on": "c/three"}}, "invalid-name"),
        ("a/one", {"remove": True}, "consumers-live"),
        ("a/one", {"proposed_change": {"size": 2}, "base_version": 7}, "stale-base"),
        ("a/one", {"create": {}}, "already-exists"),
        ("a/gone", {"proposed_change": {}}, "missing-component"),
        ("d/FOUR", {"create": {"size": 1}}, "duplicate-address"),
        ("a/one", {"proposed_change": [{"op": "remove", "path": "/none"}]}, "patch-failed"),
    ],
)
def test_each_rule_rejects_and_names_itself(
    system: ChangeSystem, component: str, body: dict[str, Any], rule: str
) -> None:
    """A verdict has the rule's code, and nothing is written."""
    assert rule in verdict(system, component, **body)


def test_what_was_wrong_before_is_not_this_changes_fault(system: ChangeSystem) -> None:
    """A finding elsewhere does not stop a change that does not bring it."""
    system.configure(e_five={"a_nickname": "gone"})
    assert verdict(system, "d/four", proposed_change={"size": 2}) == set()


def test_a_config_that_is_broken_stays_blocked(system: ChangeSystem) -> None:
    """A change that leaves its own component with an error cannot be deployed; one that mends it can."""
    system.configure(e_five={"a_nickname": "gone"})
    assert verdict(system, "e/five", proposed_change={"x": 1}) == {"plan-blocked"}
    assert verdict(system, "e/five", proposed_change={"a_nickname": "one"}) == set()


def test_a_producer_that_comes_along_is_no_obstacle(system: ChangeSystem) -> None:
    """In one set, what is needed may be made."""
    parts = [
        {"component": "e/new", "create": {"x": 1}},
        {"component": "d/four", "proposed_change": {"e_nickname": "new"}},
    ]
    change = system.request(changes=parts)
    assert change.status is State.APPROVED
    assert system.apply(change).status is State.APPLIED
    assert system.runtime("e/new")


def test_consumers_may_let_go_in_the_same_set(system: ChangeSystem) -> None:
    """The set that drops the reference and removes the producer is judged as a whole, and done in order."""
    parts = [
        {"component": "a/one", "remove": True},
        {"component": "b/two", "proposed_change": {"a_nickname": None}},
    ]
    change = system.request(changes=parts)
    assert change.status is State.AWAITING_APPROVAL
    assert system.apply(system.approve(change)).status is State.APPLIED
    assert (system.config("a/one"), system.config("b/two")) == (None, {})
    assert not system.terraform.has_state("a/one")


def test_what_was_deployed_with_it_counts_as_a_consumer(system: ChangeSystem) -> None:
    """A config that was published without the reference is not a deployment without it."""
    system.configure(b_two={})
    assert verdict(system, "a/one", remove=True) == {"consumers-live"}


def test_one_part_rejects_the_whole_set(system: ChangeSystem) -> None:
    """All or none."""
    parts = [
        {"component": "d/four", "proposed_change": {"size": 2}},
        {"component": "a/one", "remove": True},
    ]
    change = system.request(changes=parts)
    assert change.status is State.REJECTED
    assert system.config("d/four") == {"size": 1}


def test_a_secret_config_is_left_to_git(system: ChangeSystem) -> None:
    """A SecureString never enters a change's document."""
    write = ParameterWrite(name="/iac/e/five/config", value='{"k": "hush"}', kind=ParameterKind.SECURE)
    system.parameters.put([write])
    assert verdict(system, "e/five", proposed_change={"x": 1}) == {"secret-config"}


def test_the_policy_is_part_of_the_judgement(system: ChangeSystem) -> None:
    """A rule of karma.toml rejects like any other."""
    system.policy = {"requesters": ["bob"]}
    assert verdict(system, "a/one", proposed_change={"size": 2}) == {"policy-requester"}


def test_a_dry_run_gives_the_verdict_and_changes_nothing(system: ChangeSystem) -> None:
    """It has no id, is kept nowhere, and stands in the log."""
    before = (system.parameters.revision(), len(system.state.documents("change")))
    good = system.request("a/one", proposed_change={"size": 2}, dry_run=True)
    bad = system.request("a/one", remove=True, dry_run=True)
    assert (good.status, bool(good.plan_id), good.id) == (State.APPROVED, True, "")
    assert (bad.status, system.codes(bad)) == (State.REJECTED, {"consumers-live", "missing-component"})
    assert (system.parameters.revision(), len(system.state.documents("change"))) == before
    event = system.log.event(good.last_event or "")
    assert event is not None
    assert event.inputs["dry_run"] is True
