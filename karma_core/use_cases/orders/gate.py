"""The policy gate that every deploy, destroy and resume passes (`entry_points.py` lists what starts them).

What would be applied is held against the rules in force. A rule that forbids it refuses the run; one that
asks for an approval turns the run into a change that waits (`changes/run_request.py`). Where no rule can say
anything, nothing is planned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_fields
from typing import TYPE_CHECKING

from msgspec.structs import replace

from karma_core.changes.record import Edit
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.events import log_event
from karma_core.ids import type_of
from karma_core.model import Finding, to_builtins
from karma_core.needs import (
    CarryingOut,
    ChangeIntake,
    FleetBesideGit,
    FleetSource,
    HasLog,
    Planning,
    RecordsAndLog,
)
from karma_core.outcomes import End, Phase, RunStatus
from karma_core.plan.document import Plan
from karma_core.plan.shown import DEPLOYING, DESTROYING
from karma_core.use_cases.access.identity import proven
from karma_core.use_cases.access.policy_evaluation import (
    OVERRIDABLE,
    approves_all,
    forbids_run,
    is_silent,
    needs_of_run,
    pending_edits,
    restricted,
    types_of,
)
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.changes.overriding import override_policy, require_overrider
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.run_judgement import covers
from karma_core.use_cases.changes.run_request import Wanted, request_run
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import inputs_token, read_fleet
from karma_core.use_cases.plans.breaking import refuse_breaking
from karma_core.use_cases.plans.decider import may_move
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import as_shown, load_plan, require_published, require_shown, token_of
from karma_core.use_cases.runs.records import CHANGE, Outcome, RunResult
from karma_core.use_cases.runs.remaining import plan_rest, rest_of
from karma_core.use_cases.runs.resume import find_run
from karma_core.use_cases.selection.deployed import select_for_destroy
from karma_core.use_cases.selection.record import require_selection
from karma_core.use_cases.selection.selecting import select

if TYPE_CHECKING:
    from karma_core.use_cases.runs.records import Order


@dataclass(frozen=True, kw_only=True)
class Passed:
    """An order that may be carried out: bound to the plan that the rules were evaluated on, if any.

    `workspace` acts as before, its events following from an override; `warnings` are of the run's result.
    """

    order: Order
    workspace: CarryingOut
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The scope of an order: its components, the environment they were read from, their pending edits."""

    addresses: Collection[str]
    fleet: Fleet
    token: str = ""
    edits: tuple[Edit, ...] = field(default=())


def enforce_policy(order: Order, workspace: CarryingOut) -> Passed | RunResult:
    """Let an order pass, or turn it into a change that waits for an approval: the result of its run.

    Refused with the rule's code where a rule forbids it, `not-overrider` where its override is not for this
    user, `not-of-the-change` where it names a change that has not ordered it; an event `denied` says so in
    the log. Nothing is asked or refused where there is nothing to do.
    """
    if workspace.actor.change_id is not None:
        _require_ordered(order, workspace)
        return Passed(order=order, workspace=workspace)
    if _belongs_to_a_change(order, workspace):
        return Passed(order=order, workspace=workspace)
    scope = _scope(order, workspace)
    if scope is None:
        return Passed(order=order, workspace=workspace)
    return _evaluate(order, workspace, scope)


# -- orders for a change ------------------------------------------------------------------------------------


def _require_ordered(order: Order, workspace: RecordsAndLog) -> None:
    """Refuse an order whose named change did not give it: anybody can write an id."""
    change_id = workspace.actor.change_id or ""
    kept = Register(workspace).find(change_id)
    if kept is None:
        why = "there is no such change"
    elif kept.change.status is not State.APPLYING:
        why = f"the change is {kept.change.status}"
    elif not covers(kept.change, order):
        why = "the change has another selection or plan"
    else:
        return
    _log_denied(order, workspace, why)
    raise Refused(
        f"the {order.kind} is not carried out for the change {change_id}",
        why=why,
        next_step=f"`karma apply` carries a change out; leave the change out of the order of a {order.kind}",
        code="not-of-the-change",
    )


def _belongs_to_a_change(order: Order, workspace: RecordsAndLog) -> bool:
    """Whether the run to be resumed was begun for a change that is still being applied."""
    if order.kind != "resume":
        return False
    change_id = find_run(workspace, order.run_id).options.get(CHANGE)
    kept = Register(workspace).find(change_id) if change_id else None
    return kept is not None and kept.change.status is State.APPLYING


# -- what an order is for -----------------------------------------------------------------------------------


def _scope(order: Order, workspace: FleetBesideGit) -> Scope | None:
    """Return what the order would work on; None if that is nothing, or no rule applies to it."""
    if order.kind == "destroy":
        return _scope_of_destroy(order, workspace)
    if not order.override and is_silent(workspace, types_of(workspace)):
        return None
    if order.kind == "resume":
        fleet, left = rest_of(workspace, order.run_id)
        return Scope(addresses=left, fleet=fleet, edits=pending_edits(fleet, left)) if left else None
    require_selection(order.selection)
    token = inputs_token(workspace)
    fleet = read_fleet(workspace)
    chosen = select(workspace, fleet, order.selection)
    movable = may_move(fleet, chosen)
    if not movable or (not order.override and is_silent(workspace, _types(_deployed(fleet, movable)))):
        return None
    return Scope(addresses=chosen, fleet=fleet, token=token, edits=pending_edits(fleet, chosen))


def _types(addresses: Collection[str]) -> set[str]:
    return {type_of(address) for address in addresses}


def _deployed(fleet: Fleet, addresses: Collection[str]) -> list[str]:
    """Return the deployed addresses, the only ones that types protect."""
    return [address for address in addresses if fleet.deployed(address) is not None]


def _scope_of_destroy(order: Order, workspace: FleetSource) -> Scope | None:
    chosen = select_for_destroy(workspace, order.selection)
    if not chosen or (not order.override and is_silent(workspace, _types(chosen))):
        return None
    token = inputs_token(workspace)
    return Scope(addresses=chosen, fleet=read_fleet(workspace), token=token)


def _plan_for(order: Order, workspace: Planning, scope: Scope) -> tuple[Plan, bool]:
    """(a plan of now, whether it is the one that the order names).

    What a deploy would do depends on what has been published since its plan was made; a destroy can never
    destroy more than its plan shows.
    """
    if order.kind == "resume":
        return plan_rest(workspace, scope.fleet, set(scope.addresses)), False
    if order.plan_id is not None:
        require_published(workspace, order.plan_id)
        shown = load_plan(workspace, order.plan_id)[0]
        actions = DESTROYING if order.kind == "destroy" else DEPLOYING
        require_shown(as_shown(shown), scope.addresses, actions)
        if order.kind == "destroy" or (scope.token and token_of(workspace, order.plan_id) == scope.token):
            return shown, True
    if order.kind == "destroy":
        return plan_destroy(workspace, order.selection), False
    return plan(workspace, order.selection, fleet=scope.fleet), False


# -- the rules ----------------------------------------------------------------------------------------------


def _evaluate(order: Order, workspace: CarryingOut, scope: Scope) -> Passed | RunResult:
    """Evaluate the rules: requester and time first, because these need no plan."""
    workspace = _as_proven(order, workspace)
    if order.override:
        require_overrider(workspace, order.override)
    askers = (workspace.actor.user, workspace.actor.user)
    findings = forbids_run(workspace, scope.fleet, scope.edits, askers)
    set_aside = [f for f in findings if f.code in OVERRIDABLE and order.override]
    _refuse(order, workspace, [f for f in findings if f not in set_aside])
    addresses = _deployed(scope.fleet, scope.addresses) if order.kind != "destroy" else scope.addresses
    if not order.override and approves_all(workspace, addresses, scope.fleet.definitions):
        return Passed(order=order, workspace=workspace)
    made, named = _plan_for(order, workspace, scope)
    refuse_breaking(made.findings, allow_blocked=order.allow_blocked)
    made = restricted(made, scope.addresses)
    needs = needs_of_run(workspace, scope.fleet, scope.edits, made, askers)
    bound = order if named or order.plan_id else replace(order, plan_id=made.id)
    rules = [*(f.message for f in set_aside), *needs]
    if order.override and rules:
        return _overridden(bound, workspace, rules)
    if needs:
        if named and token_of(workspace, made.id) != scope.token:
            scope = with_fields(scope, token="")  # it is re-planned before anybody approves it
        return _waiting(workspace, Wanted(order=order, plan=made, needs=needs, fleet=scope.fleet), scope)
    return Passed(order=bound, workspace=workspace)


def _as_proven(order: Order, workspace: CarryingOut) -> CarryingOut:
    """The workspace whose actor is proven, where a rule names who may ask."""
    if not (order.override or rules_in_force(workspace).asks_requester):
        return workspace
    return workspace.acting_as(proven(workspace))


def _refuse(order: Order, workspace: HasLog, findings: Collection[Finding]) -> None:
    """Refused with the code of the first finding, if there is any."""
    first = next(iter(findings), None)
    if first is None:
        return
    said = f"{first.component}: {first.message}" if first.component else first.message
    _log_denied(order, workspace, f"{first.code}: {said}")
    raise Refused(
        f"the {order.kind} is not carried out",
        why=said.removesuffix("."),
        next_step=NEXT_STEPS.get(first.code, "correct what the findings name"),
        code=first.code,
        findings=to_builtins(tuple(findings)),
    )


NEXT_STEPS: Mapping[str, str] = {
    "policy-freeze": "wait until the freeze has ended",
    "policy-requester": "ask somebody who may",
}
"""What to do about a refusal, by the code of its rule."""


def _overridden(order: Order, workspace: CarryingOut, rules: list[str]) -> Passed:
    event = override_policy(workspace, order.override, rules, plan=order.plan_id, kind=order.kind)
    said = f"policy overridden by {workspace.actor.user}: {order.override} ({'; '.join(rules)})"
    actor = with_fields(workspace.actor, cause=event)
    return Passed(order=order, workspace=workspace.acting_as(actor), warnings=(said,))


def _waiting(workspace: ChangeIntake, wanted: Wanted, scope: Scope) -> RunResult:
    """The result of a run that has become a change."""
    change = request_run(workspace, wanted, token=scope.token)
    reason = f"change {change.id} is {change.status}: {change.why}"
    return RunResult(
        run_id="",
        status=RunStatus.WAITING,
        components=tuple(Outcome(address=a, status=End.WAITING, reason=reason) for a in change.cone),
        warnings=change.warnings,
        change_id=change.id,
    )


def _log_denied(order: Order, workspace: HasLog, why: str) -> None:
    action = "destroy" if order.kind == "destroy" else "deploy"
    inputs = {"kind": order.kind, "selection": to_builtins(order.selection), "why": why}
    log_event(workspace, action, Phase.DENIED, inputs=inputs)
