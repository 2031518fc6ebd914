"""The gate: every rule of a checkout holds for deploys, destroys and resumes, also where none is published.

`tests/integration/test_entry_points_and_rules.py` goes through every entry point, with a published policy.
"""

from __future__ import annotations

from dataclasses import replace as with_fields
from typing import Any

import pytest
from msgspec.structs import replace

from karma_core import failpoints
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.plan.document import Action
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.changes.queue import expire
from karma_core.use_cases.changes.reading import list_changes, show
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.orders.carrying_out import Order, carry_out
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import load_plan, store_plan
from karma_core.use_cases.runs.records import RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from tests.change_system import ChangeSystem, run_order
from tests.gate_table.rules import ALWAYS, PASSED, REPLACED, ROWS, WAITING, Row
from tests.memory_system import ALL, Killed, statuses

KINDS = ("deploy", "destroy", "resume")


def system_of(row: Row | None = None) -> ChangeSystem:
    """a/one ← b/two, deployed; a/one has another config by now."""
    definition = dict(row.definition) if row else {}
    system = ChangeSystem({"a": definition} if definition else None)
    system.foreign_prefixes = ("/other",)
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one=dict(row.config if row else REPLACED))
    system.applies()
    return system


def interrupted(system: ChangeSystem) -> str:
    """A run that died before it applied anything; its id."""

    def die(reached: str) -> None:
        system.life.ended = system.life.ended or reached == "deploy.after_start"

    failpoints.install(die)
    try:
        with pytest.raises(Killed):
            system.deploy()
    finally:
        failpoints.install(None)
    system.clock.pass_seconds(61)
    system.applies()
    return system.state.runs()[0].id


def order_of(system: ChangeSystem, kind: str) -> Order:
    """The order of a run over everything."""
    if kind == "resume":
        return Order(kind="resume", run_id=interrupted(system))
    return Order(kind="destroy" if kind == "destroy" else "deploy", selection=ALL)


def directly(system: ChangeSystem, order: Order) -> str:
    """Carry the order out in this process; what became of it."""
    try:
        return run_order(order, system.workspace).status
    except Refused as error:
        return error.code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule}-{row.expected['deploy']}")
def test_a_rule_holds_for_every_run(row: Row, kind: str) -> None:
    """Refused with the rule's code, waiting as a change of its kind, or let through and applied."""
    system = system_of(row)
    order = order_of(system, kind)
    system.policy = dict(row.policy)
    outcome = directly(system, order)
    expected = row.expected[kind]
    changes = Register(system.workspace).open()
    denied = [e for e in system.log.events() if e.status == "denied"]
    assert outcome == ("succeeded" if expected == PASSED else expected)
    assert bool(system.applies()) is (expected == PASSED)
    assert len(changes) == (expected == WAITING)
    assert len(denied) == (expected not in {PASSED, WAITING})
    if changes:
        assert changes[0].status is State.AWAITING_APPROVAL
        assert changes[0].kind == ("destroy" if kind == "destroy" else "deploy")


@pytest.mark.parametrize("kind", KINDS)
def test_a_waiting_run_is_approved_and_applied_as_shown(kind: str) -> None:
    """Approved by another, the change carries out its run, and ends as applied."""
    system = system_of()
    order = order_of(system, kind)
    system.policy = {"require_approval": True, "distinct_approver": True}
    result = run_order(order, system.workspace)
    assert (result.status, result.run_id) == ("waiting", "")
    assert set(statuses(result)) == {"a/one", "b/two"}
    change = system.change(result.change_id or "")
    assert change.addresses == change.cone == ("a/one", "b/two")
    with pytest.raises(Refused) as refused:
        system.approve(change)
    assert refused.value.code == "not-approver"
    system.user = "lead"
    system.approve(change)
    applied = system.apply(change)
    assert (applied.status, len(applied.runs)) == (State.APPLIED, 1), applied.why
    assert len(system.applies()) == 2
    assert (system.runtime("a/one") is None) is (kind == "destroy")


def waiting(system: ChangeSystem, kind: str = "deploy", **policy: Any) -> Change:
    """The change that a run over everything becomes."""
    system.policy = {"require_approval": True, **policy}
    result = run_order(order_of(system, kind), system.workspace)
    assert result.status == "waiting"
    return system.change(result.change_id or "")


def test_the_same_order_again_is_the_same_change() -> None:
    """A schedule does not pile changes up; an order of another plan is another change, and queues."""
    system = system_of()
    first, second = waiting(system), waiting(system)
    assert first.id == second.id
    system.configure(a_one={"size": 3})
    third = waiting(system)
    assert third.status is State.QUEUED
    assert third.waits_for == (first.id,)


def test_an_approval_does_not_cover_more_than_was_shown() -> None:
    """What is published after the approval makes it void."""
    system = system_of()
    change = system.approve(waiting(system))
    system.configure(a_one={"size": 3})
    again = system.apply(change)
    assert again.status is State.AWAITING_APPROVAL
    assert "not the one that was approved" in again.why
    assert system.applies() == []


@pytest.mark.parametrize(
    "policy", [{"approvers": ["lead"]}, {"distinct_approver": True}, {"approvers": ["ann"]}]
)
def test_an_approval_does_not_outlive_the_rules_that_accepted_it(policy: dict[str, Any]) -> None:
    """Ann requested and approved it; who may approve by the time of the apply decides, and proven."""
    system = system_of()
    change = waiting(system)
    system.proof = ""
    change = system.approve(change)
    system.policy = {"require_approval": True, **policy}
    again = system.apply(change)
    assert again.status is State.AWAITING_APPROVAL
    assert "does not count any more" in again.why
    assert system.applies() == []
    system.user, system.proof = policy.get("approvers", ["bob"])[0], "token"
    assert system.apply(system.approve(again)).status is State.APPLIED


def test_an_override_is_not_asked_who_approved() -> None:
    """Whoever sets approvals aside does that for one of before, too."""
    system = system_of()
    change = system.approve(waiting(system))
    system.policy = {**HOLDS_BACK, "approvers": ["lead"]}
    assert apply(system.workspace, change.id, run_order, override="it burns").status is State.APPLIED


def test_an_approval_covers_less_than_was_shown() -> None:
    """Where another run has done a part in the meantime, the rest is carried out."""
    system = system_of()
    system.configure(d_four={"size": 1})
    change = system.approve(waiting(system))
    system.policy = {}
    system.deploy(Selection(targets=("d/four",)))
    system.policy = {"require_approval": True}
    system.applies()
    assert system.apply(change).status is State.APPLIED
    assert system.applies() == ["a/one", "b/two"]


def test_a_waiting_run_is_rejected_cancelled_expires_and_is_shown() -> None:
    """As any change; nothing of it can be rolled back."""
    for end in (decisions.reject, decisions.cancel):
        system = system_of()
        assert end(system.workspace, waiting(system).id).final
    system = system_of()
    change = waiting(system, approval_hours=1)
    assert show(system.workspace, change.id)["kind"] == "deploy"
    assert list_changes(system.workspace)[0]["kind"] == "deploy"
    system.clock.pass_seconds(3601)
    assert [c.id for c in expire(system.workspace)] == [change.id]
    with pytest.raises(Refused) as refused:
        system.roll_back(change)
    assert refused.value.code == "nothing-written"
    assert "writes no config" in refused.value.why


def test_a_failed_run_is_tried_again_with_a_new_plan() -> None:
    """It waits for an approval anew."""
    system = system_of()
    change = system.approve(waiting(system))
    system.terraform.failures["a/one"] = "apply"
    assert system.apply(change).status is State.FAILED
    system.terraform.failures.clear()
    again = decisions.retry(system.workspace, change.id)
    assert again.status is State.AWAITING_APPROVAL
    assert again.plan_id != change.plan_id
    system.approve(again)
    assert system.apply(again).status is State.APPLIED


def test_an_old_stored_change_loads() -> None:
    """Documents of before have no kind: they are changes of configs."""
    system = system_of()
    change = system.request("b/two", proposed_change={"x": 1})
    body = dict(system.state.document("change", change.id).body)  # type: ignore[union-attr]
    for name in ("kind", "selection", "resumes"):
        del body[name]
    system.state.put_document("change", change.id, body)
    assert system.change(change.id) == change


# -- orders that name a change ----------------------------------------------------------------------------


def test_an_order_cannot_claim_to_be_a_changes() -> None:
    """An id that does not exist, that is not being applied, or that ordered something else opens nothing."""
    system = system_of()
    change = waiting(system)
    for change_id in ("nobody", change.id):
        actor = with_fields(system.workspace.actor, change_id=change_id)
        order = Order(kind="deploy", selection=ALL, plan_id=change.plan_id)
        with pytest.raises(Refused) as refused:
            carry_out(order, with_fields(system.workspace, actor=actor), ThreadExecutor)
        assert refused.value.code == "not-of-the-change"

    def other(order: Order, workspace: Any) -> RunResult:
        return run_order(Order(kind="destroy", selection=ALL, plan_id=order.plan_id), workspace)

    system.approve(change)
    ended = apply(system.workspace, change.id, other)
    assert ended.status is State.FAILED
    assert "has another selection or plan" in ended.why
    assert system.applies() == []


def test_the_runs_of_a_config_change_pass() -> None:
    """What a change was approved for is not asked for again, for its deploy or its destroy."""
    system = system_of()
    system.policy = {"require_approval": True}
    done = system.applied("b/two", remove=True)
    assert len(done.runs) == 1
    assert system.applied("a/one", proposed_change={"size": 5}).status is State.APPLIED


# -- plans and what is bound to them ----------------------------------------------------------------------


def test_nothing_to_do_is_never_asked_for() -> None:
    """In a freeze, with every rule: what is as it should be passes; so does destroying where nothing is."""
    system = system_of()
    system.deploy()
    system.policy = {"require_approval": True, "freeze": [ALWAYS], "requesters": ["nobody"]}
    assert directly(system, Order(kind="deploy", selection=ALL)) == "succeeded"
    empty = ChangeSystem()
    empty.policy = system.policy
    assert directly(empty, Order(kind="destroy", selection=ALL)) == "succeeded"
    assert empty.state.runs() == ()


def test_without_rules_no_plan_is_made() -> None:
    """The gate asks for none: what the deploy plans to look ahead is not stored."""
    system = system_of()
    run_order(Order(kind="deploy", selection=ALL), system.workspace)
    assert system.state.documents("plan") == ()


def test_an_old_plan_does_not_hide_what_was_published_since() -> None:
    """The rules are evaluated on what would be done now, not on what a stored plan once said."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1})
    system.deploy()
    made = plan(system.workspace, ALL)
    assert not made.changes
    system.configure(a_one={"size": 2})
    system.policy = {"require_approval": True}
    order = Order(kind="deploy", selection=ALL, plan_id=made.id)
    assert directly(system, order) == "waiting"


@pytest.mark.parametrize("policy", [{}, {"largest_cone": 9}])
def test_a_plan_that_lacks_a_component_is_outdated(policy: dict[str, Any]) -> None:
    """What came in since the plan was made was seen by nobody: plan again."""
    system = system_of()
    deploy_plan, destroy_plan = plan(system.workspace, ALL), plan_destroy(system.workspace, ALL)
    system.configure(c_new={"size": 1})
    system.policy = policy
    order = Order(kind="deploy", selection=ALL, plan_id=deploy_plan.id)
    assert directly(system, order) == "plan-outdated"
    assert directly(system, Order(kind="deploy", selection=ALL, plan_id=destroy_plan.id)) == "plan-outdated"
    assert directly(system, Order(kind="destroy", selection=ALL, plan_id=deploy_plan.id)) == "plan-outdated"
    assert system.applies() == []


def test_a_destroy_is_planned_consumers_first_and_applies_nothing() -> None:
    """Every resource that would go, stored under an id; what cannot be planned is blocked, and stays."""
    system = system_of()
    made = plan_destroy(system.workspace, ALL)
    assert [(c.address, c.action, c.destroy) for c in made.components] == [
        ("b/two", Action.DESTROY, 1),
        ("a/one", Action.DESTROY, 1),
    ]
    assert [r.action for c in made.components for r in c.resources] == ["destroy", "destroy"]
    assert system.applies() == []
    system.terraform.failures["a/one"] = "plan"
    made = plan_destroy(system.workspace, ALL)
    assert [c.action for c in made.components] == [Action.DESTROY, Action.BLOCKED]
    system.terraform.failures.clear()
    result = run_order(Order(kind="destroy", selection=ALL, plan_id=made.id), system.workspace)
    assert statuses(result) == {"a/one": "blocked", "b/two": "destroyed"}


def test_a_destroy_destroys_no_more_than_was_shown() -> None:
    """A resource that the shown plan lacks stops its component, and what that one needs stays, too."""
    system = system_of()
    made = plan_destroy(system.workspace, ALL)
    shown = replace_resources(system, made.id)
    result = run_order(Order(kind="destroy", selection=ALL, plan_id=shown), system.workspace)
    assert (result.status, statuses(result)) == ("stopped", {"a/one": "blocked", "b/two": "stopped"})
    assert system.applies() == []


def replace_resources(system: ChangeSystem, plan_id: str) -> str:
    """A stored plan like another one, that shows no resource."""
    made, selection = load_plan(system.workspace, plan_id)
    bare = tuple(replace(c, resources=()) for c in made.components)
    bare_plan = replace(made, id="bare", components=bare)
    store_plan(system.workspace, bare_plan, selection)
    return bare_plan.id


# -- overriding -------------------------------------------------------------------------------------------

HOLDS_BACK = {"require_approval": True, "freeze": [ALWAYS], "overriders": ["ann"]}


@pytest.mark.parametrize("kind", KINDS)
def test_whom_the_policy_names_overrides_it(kind: str) -> None:
    """Freezes and approvals are set aside: an event before the first of the run, and a warning."""
    system = system_of()
    order = order_of(system, kind)
    system.policy = HOLDS_BACK
    result = run_order(replace(order, override="the site is down"), system.workspace)
    assert result.status == "succeeded"
    assert any("the site is down" in warning for warning in result.warnings)
    event = next(e for e in system.log.events(action="policy_override"))
    assert (event.status, event.user, event.inputs["reason"]) == ("succeeded", "ann", "the site is down")
    assert len(event.inputs["rules"]) == 2
    first = [e for e in system.log.events(run_id=result.run_id) if e.cause == event.id]
    assert [e.action for e in first] == ["destroy" if kind == "destroy" else "deploy"]


@pytest.mark.parametrize("policy", [{}, {"require_approval": True}, {**HOLDS_BACK, "overriders": ["bob"]}])
def test_nobody_else_overrides_the_policy(policy: dict[str, Any]) -> None:
    """Refused and logged, nothing is applied; where nobody is named, it is for nobody."""
    system = system_of()
    system.policy = policy
    order = Order(kind="deploy", selection=ALL, override="because")
    assert directly(system, order) == "not-overrider"
    assert system.events("policy_override") == [(None, "denied")]
    assert system.applies() == []


def test_identity_and_other_environments_are_never_overridden() -> None:
    """Who may ask, and what a config must not name, holds for overriders, too."""
    for row in (r for r in ROWS if r.rule in {"requesters", "cross-environment"}):
        system = system_of(row)
        system.policy = {**row.policy, "overriders": ["ann"]}
        assert (
            directly(system, Order(kind="deploy", selection=ALL, override="because"))
            == row.expected["deploy"]
        )
        assert system.applies() == []


def test_a_waiting_change_is_applied_by_an_override() -> None:
    """It is an event of the change, before its apply; nobody else may."""
    system = system_of()
    change = waiting(system, overriders=["ann"], freeze=[])
    system.policy = HOLDS_BACK
    system.user = "bob"
    with pytest.raises(Refused) as refused:
        apply(system.workspace, change.id, run_order, override="because")
    assert refused.value.code == "not-overrider"
    system.user = "ann"
    applied = apply(system.workspace, change.id, run_order, override="the site is down")
    assert applied.status is State.APPLIED, applied.why
    assert applied.approval is not None
    assert "the site is down" in applied.approval.why
    event = next(e for e in system.log.events(action="policy_override") if e.status == "succeeded")
    assert event.change_id == change.id


PROTECTING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"protected": ["a/one"]}, {}, "a/new takes over a/one, which is protected"),
    (
        {"protected_fields": "approve"},
        {"a": {"protected_fields": ["size"]}},
        "a/new: size is a protected field",
    ),
]


@pytest.mark.parametrize(("policy", "definitions", "need"), PROTECTING)
@pytest.mark.parametrize("requested", [False, True])
def test_a_rename_does_not_shake_protection_off(
    policy: dict[str, Any], definitions: dict[str, Any], need: str, requested: bool
) -> None:
    """What protects a deployment holds under the name that takes it over, for a run and for a request."""
    system = ChangeSystem(definitions=definitions)
    system.configure(a_one={"size": 1})
    system.deploy()
    system.applies()
    system.policy = policy
    renamed = {"size": 2, "moved_from": "a/one"}
    if requested:
        change = system.request("a/new", create=renamed)
    else:
        system.configure(a_new=renamed)
        change = system.change(
            run_order(Order(kind="deploy", selection=ALL), system.workspace).change_id or ""
        )
    assert (change.status, need in change.needs) == (State.AWAITING_APPROVAL, True), change.why
    assert system.applies() == []


def test_an_approval_does_not_cover_an_edited_reload_action() -> None:
    """The command that was there when somebody approved is the one that is carried out, or none."""
    action: dict[str, Any] = {"propagation": "reload", "reload": {"command": ["true"]}}
    system = ChangeSystem({"b": action})
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one={"size": 2})
    change = waiting(system)
    system.user = "lead"
    system.approve(change)
    system.modules._definitions["b"] = {**action, "reload": {"command": ["rm"]}}
    again = system.apply(change)
    assert again.status is State.AWAITING_APPROVAL
    assert "b/two: its reload action changed" in again.why
    assert system.reloader.calls == []
