"""What the gate answers: the order bound to a plan, the change that waits, the refusal and its event.

`test_gate.py` has what becomes of runs; here `enforce_policy` is asked alone, and nothing is carried out.
"""

from __future__ import annotations

import json
from dataclasses import replace as with_fields
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from karma_core.changes.states import State
from karma_core.errors import KarmaError, Refused
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.orders import gate
from karma_core.use_cases.orders.gate import Passed, enforce_policy
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import load_plan, store_plan, token_of
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.workspace import Actor
from tests.change_system import ChangeSystem, die, run_order
from tests.gate_table.rules import ALWAYS
from tests.memory_system import ALL

DEPLOY = Order(kind="deploy", selection=ALL)
DESTROY = Order(kind="destroy", selection=ALL)
SELECTED = json.loads(msgspec.json.encode(ALL))
"""The selection as the log has it."""
NARROW = {"largest_cone": 9}
"""A rule that looks at the plan and asks for nothing here."""
APPROVAL = {"require_approval": True}
UPDATED = {"size": 2}
REPLACED = {"size": 2, "replace_on": "x"}


def made(config: dict[str, Any] | None = None, policy: dict[str, Any] | None = None) -> ChangeSystem:
    """a/one ← b/two, deployed; a/one has another config by now."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one=config or UPDATED)
    system.policy = policy or {}
    system.applies()
    return system


def passed(system: ChangeSystem, order: Order) -> Passed:
    """The answer, which has to let the order pass, with the environment of who asked."""
    workspace = system.workspace
    answer = enforce_policy(order, workspace)
    assert isinstance(answer, Passed)
    assert answer.workspace.name == workspace.name
    return answer


def waiting(system: ChangeSystem, order: Order) -> RunResult:
    """The answer, which has to be the result of a run that waits."""
    answer = enforce_policy(order, system.workspace)
    assert isinstance(answer, RunResult)
    assert (answer.run_id, answer.status) == ("", "waiting")
    return answer


def refused(system: ChangeSystem, order: Order, **actor: Any) -> Refused:
    """The error, which the log tells of as well."""
    workspace = system.workspace
    with pytest.raises(Refused) as raised:
        enforce_policy(order, with_fields(workspace, actor=with_fields(workspace.actor, **actor)))
    return raised.value


def denied(system: ChangeSystem) -> list[tuple[str, dict[str, Any]]]:
    """(action, inputs) of every event that says that something was refused."""
    return [(e.action, dict(e.inputs)) for e in system.log.events() if e.status == "denied"]


def plans(system: ChangeSystem) -> list[str]:
    """Ids of the stored plans."""
    return [document.id for document in system.state.documents("plan")]


def interrupted(system: ChangeSystem) -> str:
    """The id of a run that died before it applied anything."""
    die(system, "deploy.after_start", system.deploy)
    return system.state.runs()[0].id


# -- what an order is bound to ------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_without_a_rule_the_order_passes_as_it_is(order: Order) -> None:
    """It is bound to nothing, and nothing was planned for it."""
    system = made()
    assert passed(system, order).order == order
    assert plans(system) == []


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_an_order_is_bound_to_the_plan_that_the_rules_were_evaluated_on(order: Order) -> None:
    """What is carried out is what was looked at."""
    system = made(policy=NARROW)
    answer = passed(system, order)
    assert answer.order == replace(order, plan_id=plans(system)[0])
    assert (len(plans(system)), answer.warnings) == (1, ())


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_a_plan_of_now_that_the_order_names_is_not_made_anew(order: Order) -> None:
    """It is the one that somebody has seen."""
    system = made(policy=NARROW)
    shown = (plan if order is DEPLOY else plan_destroy)(system.workspace, ALL)
    named = replace(order, plan_id=shown.id)
    assert passed(system, named).order == named
    assert plans(system) == [shown.id]


def test_a_plan_that_is_not_of_now_is_evaluated_anew_and_stays_the_orders() -> None:
    """The deploy itself stops where it would do more than the plan shows."""
    system = made(policy=NARROW)
    named = replace(DEPLOY, plan_id=plan(system.workspace, ALL).id)
    system.configure(a_one={"size": 3})
    assert passed(system, named).order == named
    assert len(plans(system)) == 2


@pytest.mark.parametrize("kind", ["deploy", "destroy"])
def test_a_plan_of_unpublished_configs_is_carried_out_by_nobody(kind: Any) -> None:
    """Whatever it is for."""
    system = made(policy=NARROW)
    shown, selection = load_plan(system.workspace, plan(system.workspace, ALL).id)
    store_plan(system.workspace, replace(shown, id="local"), selection, published=False)
    assert refused(system, Order(kind=kind, selection=ALL, plan_id="local")).code == "unpublished-plan"


def test_a_deploy_of_what_is_not_deployed_needs_no_approval_for_types_that_are_protected() -> None:
    """Types protect what is deployed: a destroy of it is asked for, the first deploy is not."""
    system = ChangeSystem({"a": {"protected": True}})
    system.configure(a_one={"size": 1})
    assert passed(system, DEPLOY).order == DEPLOY
    system.deploy()
    assert waiting(system, DESTROY).change_id


# -- orders for a change ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "action"), [(DEPLOY, "deploy"), (DESTROY, "destroy")])
def test_an_order_that_names_a_change_which_has_not_ordered_it(order: Order, action: str) -> None:
    """It says why, what to do instead, and the log has it with the selection."""
    system = made(policy=APPROVAL)
    change = system.change(waiting(system, order).change_id or "")
    for change_id, why in (
        ("nobody", "there is no such change"),
        (change.id, "the change is awaiting_approval"),
    ):
        error = refused(system, order, change_id=change_id)
        assert (error.code, error.why) == ("not-of-the-change", why)
        assert error.what == f"the {action} is not carried out for the change {change_id}"
        assert error.next_step == (
            f"`karma apply` carries a change out; leave the change out of the order of a {action}"
        )
        inputs = {"kind": action, "selection": SELECTED, "why": why}
        assert denied(system)[-1] == (action, inputs)


def test_a_change_orders_what_it_was_approved_for_and_nothing_else() -> None:
    """Its own order passes as it is; another one is refused, and says why."""
    system = made(policy=APPROVAL)
    change = system.approve(system.change(waiting(system, DEPLOY).change_id or ""))
    seen: list[Any] = []

    def carry_out(order: Order, workspace: Any) -> RunResult:
        answer = enforce_policy(order, workspace)
        seen.append((answer.order, answer.workspace is workspace))  # type: ignore[union-attr]
        try:
            enforce_policy(replace(order, kind="destroy"), workspace)
        except Refused as error:
            seen.append(error.why)
        return run_order(order, workspace)

    assert apply(system.workspace, change.id, carry_out).status is State.APPLIED
    (order, as_given), why = seen
    assert (order.kind, order.plan_id, as_given) == ("deploy", change.plan_id, True)
    assert why == "the change has another selection or plan"


def test_a_run_of_a_change_that_is_being_applied_is_resumed_without_being_asked_for_again() -> None:
    """It was approved; once the change has ended, the run's resumption is asked for as any."""
    system = made(policy=APPROVAL)
    change = system.approve(system.change(waiting(system, DEPLOY).change_id or ""))
    die(system, "deploy.after_start", lambda: system.apply(change))
    run_id = system.state.runs()[0].id
    resumption = Order(kind="resume", run_id=run_id)
    stored = plans(system)
    assert passed(system, resumption).order == resumption
    assert plans(system) == stored
    document = system.state.document("change", change.id)
    assert document is not None
    system.state.put_document("change", change.id, {**document.body, "status": "failed"})
    assert waiting(system, resumption).change_id


def test_a_run_of_nobodys_change_is_asked_for() -> None:
    """A resumption is bound to the plan of what is left."""
    system = made()
    order = Order(kind="resume", run_id=interrupted(system))
    system.policy = NARROW
    answer = passed(system, order)
    assert answer.order == replace(order, plan_id=plans(system)[-1])
    system.policy = APPROVAL
    change = system.change(waiting(system, order).change_id or "")
    assert (change.kind, change.resumes) == ("deploy", order.run_id)


# -- the change that waits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_each_component_of_a_waiting_run_says_what_it_waits_for(order: Order) -> None:
    """The change, its status and why; the plan's token lets the apply see whether it is still of now."""
    system = made(policy=APPROVAL)
    result = waiting(system, order)
    change = system.change(result.change_id or "")
    said = f"change {change.id} is awaiting_approval: {change.why}"
    assert [(c.address, c.status, c.reason) for c in result.components] == [
        ("a/one", "waiting", said),
        ("b/two", "waiting", said),
    ]
    assert result.warnings == change.warnings == ("approval needed: every change needs one",)
    assert change.token != ""
    assert (change.kind, change.plan_id) == (order.kind, plans(system)[-1])


def test_a_run_that_waits_for_another_change_says_so() -> None:
    """The change's warnings are the result's."""
    system = made(policy=APPROVAL)
    first = waiting(system, DEPLOY)
    system.configure(a_one={"size": 3})
    second = waiting(system, DEPLOY)
    change = system.change(second.change_id or "")
    assert change.waits_for == (first.change_id,)
    assert second.warnings == change.warnings


def test_a_shown_destroy_that_is_not_of_now_is_planned_anew() -> None:
    """Before anybody approves it; a plan of now stays the change's, with the token of its inputs."""
    system = made(policy=APPROVAL)
    shown = plan_destroy(system.workspace, ALL)
    change = system.change(waiting(system, replace(DESTROY, plan_id=shown.id)).change_id or "")
    assert (change.plan_id, change.token) == (shown.id, token_of(system.workspace, shown.id))
    assert change.token
    other = made(policy=APPROVAL)
    shown = plan_destroy(other.workspace, ALL)
    other.configure(a_one={"size": 9})
    change = other.change(waiting(other, replace(DESTROY, plan_id=shown.id)).change_id or "")
    assert change.plan_id != shown.id
    assert (
        change.token == token_of(other.workspace, change.plan_id or "") != token_of(other.workspace, shown.id)
    )


def test_a_plan_of_now_for_a_deploy_keeps_its_token() -> None:
    """Also where the order names it."""
    system = made(policy=APPROVAL)
    shown = plan(system.workspace, ALL)
    change = system.change(waiting(system, replace(DEPLOY, plan_id=shown.id)).change_id or "")
    assert (change.plan_id, change.token) == (shown.id, token_of(system.workspace, shown.id))
    assert change.token


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "code", "next_step"),
    [
        ({"freeze": [ALWAYS]}, "policy-freeze", "wait until the freeze has ended"),
        ({"requesters": ["lead"]}, "policy-requester", "ask somebody who may"),
    ],
)
@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_a_refusal_says_which_rule_and_what_to_do(
    order: Order, policy: dict[str, Any], code: str, next_step: str
) -> None:
    """With every finding as data; the log has the rule and the reason."""
    system = made(policy=policy)
    error = refused(system, order)
    [finding] = error.facts["findings"]
    assert (error.code, finding["code"]) == (code, code)
    assert error.what == f"the {order.kind} is not carried out"
    assert error.next_step == next_step
    place = f"{finding['component']}: " if order is DEPLOY else ""
    assert bool(finding["component"]) is (order is DEPLOY)
    said = f"{place}{finding['message']}"
    assert error.why == said.removesuffix(".")
    inputs = {"kind": order.kind, "selection": SELECTED, "why": f"{code}: {said}"}
    assert denied(system) == [(order.kind, inputs)]


def test_a_refusal_for_a_config_names_its_component() -> None:
    """And asks to correct what the findings name."""
    system = made({"size": 2, "from": "/other/a/one/runtime"}, {"on_failure": "roll_back"})
    system.foreign_prefixes = ("/other",)
    error = refused(system, DEPLOY)
    [finding] = error.facts["findings"]
    assert error.why == f"a/one: {finding['message']}".removesuffix(".")
    assert not error.why.endswith(".")
    assert error.next_step == "correct what the findings name"
    assert denied(system)[-1][1]["why"] == f"{error.code}: a/one: {finding['message']}"


def test_a_rule_that_names_persons_asks_for_a_proof() -> None:
    """Who is only said to be somebody is refused; without such a rule nobody has to prove anything."""
    system = made(policy={"requesters": ["ann"]})
    system.proof = ""
    assert refused(system, DEPLOY).code == "identity-unproven"
    system.policy = NARROW
    assert passed(system, DEPLOY).order.plan_id


def test_the_proven_person_is_who_the_rules_are_asked_of() -> None:
    """Not the one who was said: the answer's workspace acts as the proven one."""
    system = made(policy={"requesters": ["lead"], **NARROW})
    system.proof = ""
    lead = Actor(user="lead", proof="token")
    workspace = with_fields(system.workspace, prove=lambda _: lead)
    answer = enforce_policy(DEPLOY, workspace)
    assert isinstance(answer, Passed)
    assert answer.workspace.actor == lead


# -- overriding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_an_override_is_bound_to_its_plan_and_says_what_it_sets_aside(order: Order) -> None:
    """The event names rules, plan and kind; what follows has it as its cause."""
    system = made(REPLACED, {**APPROVAL, "freeze": [ALWAYS], "overriders": ["ann"]})
    answer = passed(system, replace(order, override="the site is down"))
    [event] = system.log.events(action="policy_override")
    assert answer.order.plan_id == plans(system)[-1]
    assert (event.inputs["plan"], event.inputs["kind"]) == (answer.order.plan_id, order.kind)
    rules = event.inputs["rules"]
    assert len(rules) == 2
    assert answer.warnings == (f"policy overridden by ann: the site is down ({'; '.join(rules)})",)
    assert answer.workspace.actor.cause == event.id


def test_an_override_where_no_rule_speaks_overrides_nothing() -> None:
    """There is no event and no warning, though who overrides is asked for all the same."""
    system = made(policy={"overriders": ["ann"]})
    answer = passed(system, replace(DEPLOY, override="to be sure"))
    assert answer.warnings == ()
    assert system.events("policy_override") == []
    system.user = "bob"
    for order in (DEPLOY, DESTROY):
        assert refused(system, replace(order, override="to be sure")).code == "not-overrider"
    assert denied(system)[-1][1]["reason"] == "to be sure"


def test_a_selection_of_a_part_asks_for_that_part() -> None:
    """Rules are evaluated on what is selected, with what depends on it."""
    system = made(policy=APPROVAL)
    system.configure(c_three={"size": 1})
    result = waiting(system, Order(kind="deploy", selection=Selection(targets=("c/three",))))
    assert [c.address for c in result.components] == ["c/three"]


# -- where a rule has nothing to say ------------------------------------------------------------------------


def test_what_no_rule_can_ask_for_is_not_planned() -> None:
    """A type that protects fields alone makes no plan, nor does one that is not deployed yet."""
    system = ChangeSystem({"a": {"protected_fields": ["name"]}, "c": {"protected": True}})
    system.configure(a_one={"size": 1})
    system.deploy()
    system.configure(a_one={"size": 2}, c_new={"size": 1})
    assert passed(system, DEPLOY).order == DEPLOY
    assert plans(system) == []


def test_a_run_that_has_nothing_left_is_not_asked_for() -> None:
    """Its process died after its last component: what remains is to say that it ended."""
    system = made()
    result = system.deploy()
    run = system.state.run(result.run_id)
    assert run is not None
    system.state.put_run(replace(run, status="running", finished_at=""))
    system.policy = APPROVAL
    order = Order(kind="resume", run_id=run.id)
    assert passed(system, order).order == order
    assert plans(system) == []


def test_a_destroy_is_evaluated_on_the_plan_that_it_names() -> None:
    """It can never destroy more than that plan shows, whatever was published since."""
    system = made(policy=NARROW)
    shown = plan_destroy(system.workspace, ALL)
    system.configure(a_one={"size": 9})
    named = replace(DESTROY, plan_id=shown.id)
    assert passed(system, named).order == named
    assert plans(system) == [shown.id]


def test_a_deploy_that_would_break_a_consumer_passes_only_where_that_is_allowed() -> None:
    """By whoever ordered it."""
    system = ChangeSystem({"b": {"consumes": {"a": ["note"]}}})
    system.configure(a_one={"note": "x"}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one={"size": 1})
    system.policy = NARROW
    with pytest.raises(KarmaError) as raised:
        enforce_policy(DEPLOY, system.workspace)
    assert raised.value.code == "would-break"
    assert passed(system, replace(DEPLOY, allow_blocked=True)).order.plan_id


@pytest.mark.parametrize("kind", ["deploy", "resume"])
def test_the_plan_is_made_of_what_the_rules_were_evaluated_on(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is not read a second time: it might be another by then."""
    system = made()
    order = DEPLOY if kind == "deploy" else Order(kind="resume", run_id=interrupted(system))
    system.policy = NARROW
    reading: list[Any] = []
    original_plan, original_rest = gate.plan, gate.plan_rest

    def plan_of(workspace: Any, selection: Any, *, fleet: Any = None) -> Any:
        reading.append(fleet)
        return original_plan(workspace, selection, fleet=fleet)

    def plan_of_rest(workspace: Any, fleet: Any, left: Any) -> Any:
        reading.append(fleet)
        return original_rest(workspace, fleet, left)

    monkeypatch.setattr(gate, "plan", plan_of)
    monkeypatch.setattr(gate, "plan_rest", plan_of_rest)
    passed(system, order)
    assert [type(fleet) for fleet in reading] == [Fleet]


@pytest.mark.parametrize("order", [DEPLOY, DESTROY])
def test_an_override_without_a_policy_is_for_nobody(order: Order) -> None:
    """Where nobody is named, it is refused, though there is nothing to override."""
    assert refused(made(), replace(order, override="because")).code == "not-overrider"


def test_an_empty_change_is_no_change() -> None:
    """An order that names one has named none that there is."""
    error = refused(made(), DEPLOY, change_id="")
    assert error.what == "the deploy is not carried out for the change "
