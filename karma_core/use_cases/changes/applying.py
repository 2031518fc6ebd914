"""Applying an approved change: evaluate it again, write its configs, deploy, propagate.

What a change does outside Karma is done by the deploy and destroy use cases, through `RunOrder`: this
process or a Prefect flow. A change whose process died while it was applied is taken up where it was:
configs are rolled forward, a deploy finds what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec.structs import replace

from karma_core.changes.record import Approval, Change
from karma_core.changes.states import State, may_be_taken_back
from karma_core.errors import KarmaError, LeaseHeld, Refused, StaleLease, StoreError
from karma_core.failpoints import reach
from karma_core.needs import CarryingOut, ConfigStore, DestroyPlanning, Planning, PolicySource
from karma_core.outcomes import End, RunStatus
from karma_core.use_cases.access.policy_evaluation import frozen, why_void
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.changes.judged import Judged
from karma_core.use_cases.changes.overriding import override_policy, without_overridden
from karma_core.use_cases.changes.planning import (
    Decision,
    differences_from_shown,
    fields,
    judged_fields,
    plan_change,
    removed_and_deployed,
)
from karma_core.use_cases.changes.policy_change import apply_policy
from karma_core.use_cases.changes.queue import expire, holders
from karma_core.use_cases.changes.register import Kept, Register, acting_for, admission, working
from karma_core.use_cases.changes.run_judgement import selection_of
from karma_core.use_cases.changes.simulation import judge_change
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.graph.build import build_graph, inputs_token
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.use_cases.selection.record import Selection

RunOrder = Callable[[Order, CarryingOut], RunResult]
"""Carries out a deploy or destroy."""
ENDS = {RunStatus.SUCCEEDED: State.APPLIED, RunStatus.STOPPED: State.STOPPED}
"""How the end of a run ends the change; every other end is a failure."""


def apply(workspace: CarryingOut, change_id: str, run: RunOrder, *, override: str = "") -> Change:
    """Apply an approved change, or take up one whose process died; how it ended is its status.

    Refused `not-approved` or `policy-freeze`; LeaseHeld where another process works on it or on a component
    that it deploys. An approval that does not cover the plan of now is void: the change awaits another.
    `override` is the reason for which freezes and approvals are set aside; Refused `not-overrider`.
    """
    register = Register(workspace)
    expire(workspace, for_policy=register.get(change_id).change.kind == "policy")
    with working(workspace, change_id):
        kept = register.get(change_id)
        if override:
            kept = _override(workspace, register, kept, override)
        if kept.change.kind == "policy" and kept.change.status in {State.APPROVED, State.APPLYING}:
            return apply_policy(workspace, register, kept).change
        if kept.change.status is State.APPROVED:
            if not override:
                _refuse_frozen(workspace, kept.change)
            kept = _confirm(workspace, register, kept, override=override)
            if kept.change.status is not State.APPROVED:
                return kept.change
            kept = register.move(kept, State.APPLYING, f"applied by {workspace.actor.user}")
        elif kept.change.status is not State.APPLYING:
            raise _not_approved(kept.change)
        reach("change.applying")
        return _carry_out(workspace, register, kept, run).change


def _not_approved(change: Change) -> Refused:
    return Refused(
        f"change {change.id} cannot be applied",
        why=f"it is {change.status}: {change.why}",
        next_step=f"`karma change show {change.id}` says what it needs",
        code="not-approved",
        status=str(change.status),
    )


def _refuse_frozen(workspace: PolicySource, change: Change) -> None:
    reason = frozen(workspace)
    if reason:
        raise Refused(
            f"change {change.id} is not applied now",
            why=reason,
            next_step=f"it stays approved: `karma apply {change.id}` when the freeze has ended",
            code="policy-freeze",
        )


def _override(workspace: ConfigStore, register: Register, kept: Kept, reason: str) -> Kept:
    """Return the change, approved by an overrider of the policy; unchanged if no rule holds it back.

    What the gate itself reads is never altered so.
    """
    change = kept.change
    if change.kind == "policy":
        return kept
    waits = change.status is State.AWAITING_APPROVAL
    rules = [*(change.needs if waits else ()), *filter(None, [frozen(workspace)])]
    if not rules or change.status not in {State.AWAITING_APPROVAL, State.APPROVED}:
        return kept
    override_policy(acting_for(workspace, change), reason, rules, plan=change.plan_id)
    said = f"policy overridden by {workspace.actor.user}: {reason}"
    warnings = (*change.warnings, said)
    if not waits:
        return register.keep(kept, why=said, warnings=warnings)
    given = Approval(by=workspace.actor.user, at=workspace.now(), why=said, digest=change.digest)
    return register.move(kept, State.APPROVED, said, approval=given, warnings=warnings)


# -- once more before anything is written ---------------------------------------------------------------


def _confirm(workspace: Planning, register: Register, kept: Kept, *, override: str = "") -> Kept:
    """Re-plan the change: it stays approved, or is rejected, queued, or awaits approval again.

    With `override` a freeze does not reject it.
    """
    if kept.change.token and kept.change.token == inputs_token(workspace):
        return kept  # nothing that it was judged or planned from has moved
    with admission(workspace) as right:
        judged = judge_change(workspace, kept.change)
        if override:
            judged = without_overridden(judged)
        right.check()
        if judged.errors:
            return register.move(kept, State.REJECTED, judged.why, **judged_fields(judged))
        moved = replace(kept.change, cone=judged.cone, reads=judged.reads, number=0)
        in_flight = [c for c in register.open() if c.status in {State.PLANNING, State.APPLYING}]
        waits_for = holders(moved, in_flight)
        if waits_for:
            why = f"its cone has grown and overlaps {', '.join(waits_for)}"
            return register.move(kept, State.QUEUED, why, approval=None, waits_for=waits_for)
    decision = plan_change(acting_for(workspace, kept.change), kept.change, judged)
    return _hold_against_shown(workspace, register, kept, judged, decision, override=override)


def _hold_against_shown(
    workspace: DestroyPlanning,
    register: Register,
    kept: Kept,
    judged: Judged,
    decision: Decision,
    *,
    override: str,
) -> Kept:
    """Keep the change approved if its approval covers the new plan; otherwise the policy decides again."""
    new_fields = fields(judged, decision)
    if decision.status is State.REJECTED or decision.plan_id is None:
        return register.move(kept, State.REJECTED, decision.why, **new_fields)
    more = differences_from_shown(workspace, kept.change, judged, decision.plan_id)
    if more and (decision.needs or kept.change.approval is not None):
        why = f"its plan is not the one that was approved any more: {'; '.join(more[:5])}"
        return register.move(kept, State.AWAITING_APPROVAL, why, approval=None, **new_fields)
    if kept.change.approval is None and decision.needs:
        return register.move(kept, State.AWAITING_APPROVAL, decision.why, **new_fields)
    void = "" if override else why_void(workspace, kept.change, needed=bool(decision.needs))
    if void:
        given = kept.change.approval is not None
        said = "its approval does not count any more" if given else "the policy asks for an approval now"
        why = f"{said}: {void}"
        return register.move(kept, State.AWAITING_APPROVAL, why, approval=None, **new_fields)
    return register.keep(kept, why="re-planned; still covered by the approval", **new_fields)


# -- writing and deploying --------------------------------------------------------------------------------


def _carry_out(workspace: CarryingOut, register: Register, kept: Kept, run: RunOrder) -> Kept:
    try:
        kept = _write(workspace, register, kept)
        results = _deploy(acting_for(workspace, kept.change), kept.change, run)
    except (LeaseHeld, StaleLease, StoreError):
        raise  # it stays `applying`, and is taken up again
    except KarmaError as error:
        return _end_badly(workspace, register, _as_written(register, kept, error), State.FAILED, str(error))
    runs = (*kept.change.runs, *(result.run_id for result in results))
    warnings = tuple(dict.fromkeys((*kept.change.warnings, *(w for r in results for w in r.warnings))))
    kept = Kept(change=replace(kept.change, runs=runs, warnings=warnings), revision=kept.revision)
    status, why = _outcome(kept.change, results)
    if status is State.APPLIED:
        return _end(register, kept, status, why)
    return _end_badly(workspace, register, kept, status, why)


def _write(workspace: ConfigStore, register: Register, kept: Kept) -> Kept:
    """Write the change's configs as one set, all or none, and return the change."""
    change = kept.change
    if change.written or change.runs_only:
        return kept
    edits = config_set.write(workspace, change.id, change.edits, change.last_event)
    return register.keep(kept, edits=edits, wrote=register.next_number(), why="its configs are written")


def _as_written(register: Register, kept: Kept, error: KarmaError) -> Kept:
    """Record what was written before an external write intervened, so that it can be rolled back."""
    versions = error.facts.get("written")
    if kept.change.written or not versions:
        return kept
    edits = tuple(replace(edit, written=versions.get(edit.address)) for edit in kept.change.edits)
    change = replace(kept.change, edits=edits, wrote=register.next_number())
    return Kept(change=change, revision=kept.revision)


def _deploy(workspace: CarryingOut, change: Change, run: RunOrder) -> list[RunResult]:
    """Carry out the change's run; or deploy its cone as planned, then destroy what it removes.

    Consumers are deployed first, so that they no longer use what is destroyed.
    """
    if change.runs_only:
        return [run(_order_of(change), workspace)]
    results = []
    if change.targets:
        order = Order(
            kind="deploy",
            selection=Selection(targets=change.targets),
            plan_id=change.plan_id,
            allow_blocked=change.allow_blocked,
        )
        results.append(run(order, workspace))
    removed = removed_and_deployed(workspace, change.edits)
    if removed and all(result.status is RunStatus.SUCCEEDED for result in results):
        order = Order(
            kind="destroy",
            selection=Selection(targets=removed),
            plan_id=change.plan_id,
            allow_blocked=change.allow_blocked,
        )
        results.append(run(order, workspace))
    if not results:
        build_graph(workspace)
    return results


def _order_of(change: Change) -> Order:
    """The order of a change that carries out one run."""
    if change.resumes:
        return Order(
            kind="resume",
            run_id=change.resumes,
            plan_id=change.plan_id,
            allow_blocked=change.allow_blocked,
        )
    kind: Literal["deploy", "destroy"] = "destroy" if change.kind == "destroy" else "deploy"
    return Order(
        kind=kind,
        selection=selection_of(change),
        plan_id=change.plan_id,
        allow_blocked=change.allow_blocked,
    )


def _outcome(change: Change, results: Sequence[RunResult]) -> tuple[State, str]:
    """Return the change's final state and why. Components that the plan blocked do not make it fail."""
    for result in results:
        bad = [
            o
            for o in result.components
            if o.status in {End.FAILED, End.INTERRUPTED, End.NOT_RUN, End.STOPPED}
        ]
        status = ENDS.get(result.status, State.FAILED)
        only_blocked = not bad and result.status is RunStatus.BLOCKED
        if only_blocked and not {o.address for o in result.components if o.status is End.BLOCKED} & set(
            change.targets
        ):
            continue
        if status is not State.APPLIED:
            first = bad[0] if bad else None
            said = f"{first.address} {first.status}: {first.reason}" if first else f"the run {result.status}"
            return status, said
    if change.runs_only:
        return State.APPLIED, "it is deployed" if change.kind == "deploy" else "it is destroyed"
    return State.APPLIED, f"{len(change.edits)} config(s) written, the cone is deployed"


def _end_badly(workspace: PolicySource, register: Register, kept: Kept, status: State, why: str) -> Kept:
    """Record a failed change; its configs stay, or the policy has them rolled back.

    A stopped change waits for a person, and a rollback that fails is not rolled back itself.
    """
    change = kept.change
    if not change.stands:
        return _end(register, kept, status, why)
    rules = rules_in_force(workspace)
    if status is State.FAILED and rules.rolls_back and change.rollback_of is None:
        return _end(register, kept, status, f"{why}; the policy rolls its configs back", take_back=True)
    return _end(register, kept, status, f"{why}; configs are kept: retry the change or roll it back")


def _end(register: Register, kept: Kept, status: State, why: str, **fields: bool) -> Kept:
    """Record how the change ended; an applied rollback also ends the changes that it takes back."""
    ended = register.move(kept, status, why, **fields)
    for undone in ended.change.undoes if status is State.APPLIED else ():
        taken_back = register.get(undone)
        change = taken_back.change
        if may_be_taken_back(change.status, written=bool(change.stands)):
            before = "" if change.status is State.APPLIED else f"{change.why}; "
            register.move(taken_back, State.ROLLED_BACK, f"{before}taken back by change {ended.change.id}")
    reach("change.ended")
    return ended
