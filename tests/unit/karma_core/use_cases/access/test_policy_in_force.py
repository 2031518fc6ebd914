"""The published policy: changed by an admin's word, and never undercut by a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import BadInput, Refused, StoreError
from karma_core.policy.rules import may_approve
from karma_core.records import ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.access.policy_in_force import policy_differs, rules_in_force
from karma_core.use_cases.access.policy_shown import differing_rules, shown_policy
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.changes.policy_change import request_policy
from karma_core.use_cases.changes.reading import differences_of
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.records import Order
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem, run_order
from tests.memory_system import ALL

STRICT = {"require_approval": True, "protected": ["a/*"]}


@pytest.fixture
def system() -> ChangeSystem:
    """One deployed component, and a policy in the checkout."""
    made = ChangeSystem({"a": {"protected": True}})
    made.configure(a_one={"size": 1})
    made.deploy()
    made.policy = dict(STRICT)
    return made


def as_admin(system: ChangeSystem, role: Role | None = Role.ADMIN) -> Workspace:
    """The environment, as somebody with a token of that role."""
    made = system.workspace
    return replace(made, actor=replace(made.actor, user="root", proof="token", role=role))


def publish(system: ChangeSystem) -> Change:
    """Publish the checkout's policy, with an admin's word."""
    change = request_policy(system.workspace)
    decisions.approve(as_admin(system), change.id)
    return apply(system.workspace, change.id, run_order)


def test_a_policy_is_published_once_an_admin_has_approved_it(system: ChangeSystem) -> None:
    """Until then nothing is in force but the checkout's; the log has every step."""
    change = request_policy(system.workspace, reason="from now on")
    assert change.status is State.AWAITING_APPROVAL
    for role in (None, Role.APPROVER):
        with pytest.raises(Refused) as refused:
            decisions.approve(as_admin(system, role), change.id)
        assert refused.value.code == "not-approver"
    assert decisions.approve(as_admin(system), change.id).status is State.APPROVED
    assert apply(system.workspace, change.id, run_order).status is State.APPLIED
    assert [status for _, status in system.events("change")][-3:] == ["approved", "applying", "applied"]
    with pytest.raises(Refused) as nothing:
        request_policy(system.workspace)
    assert nothing.value.code == "nothing-to-publish"


def test_an_approver_sees_what_a_policy_alters(system: ChangeSystem) -> None:
    """From what is published to what would be, place by place."""
    publish(system)
    system.policy = {"require_approval": True, "approvers": ["root"]}
    change = request_policy(system.workspace)
    shown = [
        (address, difference.pointer, difference.op)
        for address, difference in differences_of(system.workspace, change)
    ]
    assert shown == [("policy", "/policy/approvers", "added"), ("policy", "/policy/protected", "removed")]


def test_a_laxer_checkout_changes_nothing_and_is_told(system: ChangeSystem) -> None:
    """The published rule holds; plan and check say what the checkout leaves out."""
    publish(system)
    system.policy = {}
    system.modules._definitions["a"] = {}
    rules = rules_in_force(system.workspace)
    assert rules.guarded
    assert rules.definition({}, "a/one").protected
    (finding,) = policy_differs(system.workspace)
    for said in ("require_approval", "a/*", "the type a is protected"):
        assert said in finding.message
    assert "policy-differs" in {f.code for f in plan(system.workspace, ALL).findings}
    assert shown_policy(system.workspace).laxer


def test_a_published_policy_that_is_gone_is_never_taken_for_none(system: ChangeSystem) -> None:
    """Nothing is applied until it is there again; publishing anew is how it comes back."""
    publish(system)
    system.parameters.delete(["/iac/_policy"])
    system.policy = {}
    with pytest.raises(BadInput) as refused:
        rules_in_force(system.workspace)
    assert refused.value.code == "policy-unreadable"
    system.configure(a_one={"size": 2})
    system.terraform.calls.clear()
    with pytest.raises(BadInput):
        run_order(Order(kind="deploy", selection=ALL), system.workspace)
    assert system.applies() == []
    system.policy = dict(STRICT)
    assert publish(system).status is State.APPLIED
    assert rules_in_force(system.workspace).guarded


def test_a_request_of_somebody_only_said_waits_once_requesters_are_named(system: ChangeSystem) -> None:
    """It was admitted before the rule; an approver may vouch for it, and nobody applies it before."""
    system.policy, system.proof = {}, ""
    change = system.request("a/one", proposed_change={"note": 1})
    assert change.status is State.APPROVED
    system.policy = {"requesters": ["ann"]}
    system.user, system.proof = "eve", "token"
    system.terraform.calls.clear()
    held = apply(system.workspace, change.id, run_order)
    assert held.status is State.AWAITING_APPROVAL
    assert "only said to have requested it" in held.why
    assert system.applies() == []


def test_a_stricter_checkout_holds_too(system: ChangeSystem) -> None:
    """Each of the two has to be satisfied."""
    system.policy = {}
    publish(system)
    system.policy = {"require_approval": True}
    assert len(rules_in_force(system.workspace).policies) == 2
    assert list(policy_differs(system.workspace)) == []


def test_who_published_in_between_is_not_overwritten(system: ChangeSystem) -> None:
    """The later of two requests from one version fails."""
    first = request_policy(system.workspace)
    system.policy = {"approvers": ["root"]}
    second = request_policy(system.workspace)
    for change in (first, second):
        decisions.approve(as_admin(system), change.id)
    assert apply(system.workspace, first.id, run_order).status is State.APPLIED
    assert apply(system.workspace, second.id, run_order).status is State.FAILED


class LosesReplies:
    """A parameter store that writes, and whose answer is lost."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        """Write, and fail."""
        self._store.put(writes)
        raise StoreError("the parameter store does not answer", why="the connection was lost")


def test_a_policy_whose_write_was_not_confirmed_is_taken_up_again(
    system: ChangeSystem,
) -> None:
    """Its change does not end as failed while its policy is in force."""
    change = request_policy(system.workspace)
    decisions.approve(as_admin(system), change.id)
    losing: Any = LosesReplies(system.parameters)
    with pytest.raises(StoreError):
        apply(replace(system.workspace, parameters=losing), change.id, run_order)
    assert apply(system.workspace, change.id, run_order).status is State.APPLIED


def test_a_stricter_policy_that_is_published_meanwhile_holds_for_what_was_free_to_go(
    system: ChangeSystem,
) -> None:
    """A change that needed no approval when it was planned waits for one at its apply."""
    system.policy = {}
    change = system.request("a/one", proposed_change={"size": 2})
    assert change.status is State.APPROVED
    system.policy = {"require_approval": True}
    publish(system)
    system.policy = {}
    assert system.apply(change).status is State.AWAITING_APPROVAL
    assert system.config("a/one") == {"size": 1}


@pytest.mark.parametrize("value", ["{", "[]", '{"policy": {"aprovers": []}}', '{"rules": 1}'])
def test_a_published_policy_that_cannot_be_read_stops_everything(system: ChangeSystem, value: str) -> None:
    """It is never taken for empty."""
    system.parameters.put([ParameterWrite(name="/iac/_policy", value=value)])
    with pytest.raises(BadInput) as refused:
        rules_in_force(system.workspace)
    assert refused.value.code == "policy-unreadable"


@pytest.mark.parametrize("value", ["{", '{"rules": 1}'])
def test_a_policy_that_cannot_be_read_is_replaced_by_an_admin(system: ChangeSystem, value: str) -> None:
    """Nothing else is applied meanwhile, also what was approved before."""
    waiting = system.approve(system.request("a/one", proposed_change={"size": 2}))
    system.parameters.put([ParameterWrite(name="/iac/_policy", value=value)])
    with pytest.raises(BadInput):
        system.apply(waiting)
    assert {rule for rule, *_ in differing_rules(system.workspace)} >= {"require_approval", "protected"}
    assert publish(system).status is State.APPLIED
    assert len(rules_in_force(system.workspace).policies) == 1
    assert system.config("a/one") == {"size": 1}


def test_an_admin_who_has_proven_nothing_approves_no_policy(system: ChangeSystem) -> None:
    """Such is who calls a server whose anonymous callers are admins."""
    change = request_policy(system.workspace)
    made = as_admin(system)
    with pytest.raises(Refused) as refused:
        decisions.approve(replace(made, actor=replace(made.actor, proof="")), change.id)
    assert refused.value.code == "not-approver"


def test_an_admin_whom_the_policy_does_not_name_is_sent_to_one_whom_it_names(system: ChangeSystem) -> None:
    """Another admin's token would help only where `approvers` names its user."""
    system.policy = {"approvers": ["lead"]}
    change = request_policy(system.workspace)
    with pytest.raises(Refused) as refused:
        decisions.approve(as_admin(system), change.id)
    assert refused.value.why == "root is none of the approvers"
    assert refused.value.next_step == "ask one of the approvers that [policy] names, an admin"
    lead = as_admin(system, Role.APPROVER)
    lead = replace(lead, actor=replace(lead.actor, user="lead"))
    with pytest.raises(Refused) as no_admin:
        decisions.approve(lead, change.id)
    assert "token create NAME --role admin" in no_admin.value.next_step


def test_a_policy_is_not_published_without_what_a_broken_definition_protects(system: ChangeSystem) -> None:
    """Nobody would notice that the protection is gone."""
    system.modules._definitions["a"] = {"protected": "yes"}
    with pytest.raises(BadInput) as refused:
        request_policy(system.workspace)
    assert refused.value.code == "component-type"


def test_identities_of_a_checkout_do_not_count_beside_a_published_policy(system: ChangeSystem) -> None:
    """Else a checkout would make an approver of anybody, where the published policy knows no persons."""
    system.policy = {"approvers": ["lead"]}
    publish_as_lead = request_policy(system.workspace)
    made = as_admin(system)
    decisions.approve(replace(made, actor=replace(made.actor, user="lead")), publish_as_lead.id)
    apply(system.workspace, publish_as_lead.id, run_order)
    settings = replace(system.workspace.environment, identities={"lead": ["eve"]})
    rules = rules_in_force(replace(system.workspace, environment=settings))
    assert may_approve(rules, "lead") == ""
    assert may_approve(rules, "eve")


def test_published_identities_count_alone(system: ChangeSystem) -> None:
    """A checkout cannot make one person of another."""
    made = system.workspace
    settings = replace(made.environment, identities={"ann": ["x"]})
    change = request_policy(replace(made, environment=settings))
    decisions.approve(as_admin(system), change.id)
    apply(system.workspace, change.id, run_order)
    forged = replace(made.environment, identities={"bob": ["x"]})
    assert rules_in_force(replace(system.workspace, environment=forged)).identities.person("x") == "ann"
