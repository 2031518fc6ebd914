"""The plan of a change, and what it decides: awaiting approval, approved, or rejected."""

from __future__ import annotations

from typing import Any

from karma_core.changes import digest, policy
from karma_core.changes.digest import CanonicalPlan
from karma_core.changes.record import Change, Edit
from karma_core.changes.states import State
from karma_core.errors import KarmaError, StoreError
from karma_core.model import Finding, Record, Severity
from karma_core.plan.document import Action, Plan
from karma_core.use_cases.changes.register import Kept, Register
from karma_core.use_cases.changes.simulation import Judged
from karma_core.use_cases.plan import plan
from karma_core.use_cases.plans import load_plan
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace


class Decision(Record, frozen=True, kw_only=True):
    """What a plan decides. `needs` says why an approval is needed."""

    status: State
    why: str
    plan_id: str | None = None
    digest: str = ""
    needs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_change(workspace: Workspace, judged: Judged) -> Decision:
    """Plan the judged change; a plan that cannot be made rejects it."""
    try:
        made = _plan(workspace, judged)
    except StoreError:
        raise
    except KarmaError as error:
        finding = _finding(error.code, judged.edits[0].address, f"{error.what}: {error.why}")
        return Decision(status=State.REJECTED, why=str(error), findings=(*judged.findings, finding))
    blocked = {c.address: c.reason for c in made.components if c.action is Action.BLOCKED}
    edited = sorted(e.address for e in judged.edits if e.address in blocked)
    if edited:
        found = tuple(_finding("plan-blocked", address, blocked[address]) for address in edited)
        why = f"plan-blocked: {edited[0]}: {blocked[edited[0]]}"
        return Decision(status=State.REJECTED, why=why, plan_id=made.id, findings=(*judged.findings, *found))
    return _decide(workspace, judged, made, tuple(f"{a} is blocked: {blocked[a]}" for a in sorted(blocked)))


def _decide(workspace: Workspace, judged: Judged, made: Plan, warnings: tuple[str, ...]) -> Decision:
    rules = policy.read_policy(workspace.environment.policy)
    definitions = judged.fleet.definitions if judged.fleet else {}
    needs = (*judged.needs, *policy.approvals_of_plan(rules, made, definitions))
    return Decision(
        status=State.AWAITING_APPROVAL if needs else State.APPROVED,
        why="; ".join(needs) or "no rule asks for an approval",
        plan_id=made.id,
        digest=digest.digest(digest.canonical_plan(made, judged.versions, judged.cone)),
        needs=needs,
        findings=judged.findings,
        warnings=(*warnings, *(f"approval needed: {why}" for why in needs)),
    )


def _plan(workspace: Workspace, judged: Judged) -> Plan:
    selection = Selection(targets=tuple(e.address for e in judged.edits if not e.removes))
    removed = [e.address for e in judged.edits if e.removes]
    return plan(workspace, selection, fleet=judged.fleet, removed=removed)


def conclude(register: Register, kept: Kept, judged: Judged, decision: Decision) -> Kept:
    """Keep what the plan decided."""
    return register.move(kept, decision.status, decision.why, **fields(judged, decision))


def fields(judged: Judged, decision: Decision) -> dict[str, Any]:
    """What a judgement and a plan make known of a change."""
    return {
        **judged_fields(judged),
        "findings": decision.findings,
        "warnings": decision.warnings,
        "needs": decision.needs,
        "plan_id": decision.plan_id,
        "digest": decision.digest,
    }


def judged_fields(judged: Judged) -> dict[str, Any]:
    """What a judgement alone makes known of a change."""
    return {
        "edits": judged.edits,
        "cone": judged.cone,
        "reads": judged.reads,
        "findings": judged.findings,
        "needs": judged.needs,
        "token": judged.token,
        "versions": judged.versions,
    }


def canonical_of(workspace: Workspace, change: Change) -> CanonicalPlan | None:
    """The canonical form of the plan that was shown."""
    if change.plan_id is None:
        return None
    shown, _ = load_plan(workspace, change.plan_id)
    return digest.canonical_plan(shown, change.versions, change.cone)


def differences_from_shown(workspace: Workspace, change: Change, judged: Judged, plan_id: str) -> list[str]:
    """Why a new plan is more than a refinement of the shown one; empty where the approval covers it."""
    shown = canonical_of(workspace, change)
    if shown is None:
        return ["no plan was shown"]
    new = digest.canonical_plan(load_plan(workspace, plan_id)[0], judged.versions, judged.cone)
    return digest.exceeds(shown, new)


def removed_and_deployed(workspace: Workspace, edits: tuple[Edit, ...]) -> tuple[str, ...]:
    """Addresses that the edits remove and that are deployed."""
    return tuple(e.address for e in edits if e.removes and workspace.state.applied(e.address) is not None)


def _finding(code: str, component: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, component=component, pointer="", message=message)
