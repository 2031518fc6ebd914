"""Planning a change, and the state that follows from the plan: awaiting approval, approved, or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from karma_core.changes import digest
from karma_core.changes.digest import CanonicalPlan
from karma_core.changes.record import Change, Edit
from karma_core.changes.states import State
from karma_core.errors import KarmaError, StoreError
from karma_core.model import Finding, Record, Severity
from karma_core.needs import HasState, Planning, PlanStore, PolicySource
from karma_core.plan.document import Action, Plan
from karma_core.use_cases.access.policy_evaluation import evaluate_plan, moved_by, restricted
from karma_core.use_cases.changes.judged import Judged
from karma_core.use_cases.changes.register import Kept, Register
from karma_core.use_cases.changes.run_judgement import needs_of, plan_run
from karma_core.use_cases.plans.breaking import WOULD_BREAK
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import load_plan
from karma_core.use_cases.selection.record import Selection


class Decision(Record, frozen=True, kw_only=True):
    """The state that follows from a plan. `needs` says why an approval is needed.

    `cone` and `versions` are those of a run, which only its plan tells; None where the judgement told them.
    """

    status: State
    why: str
    plan_id: str | None = None
    digest: str = ""
    needs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    cone: tuple[str, ...] | None = None
    versions: dict[str, int] | None = None


def plan_change(workspace: Planning, change: Change, judged: Judged) -> Decision:
    """Plan the judged change; a plan that cannot be made rejects it."""
    try:
        made = plan_run(workspace, change, judged) if change.runs_only else _plan(workspace, judged)
    except StoreError:
        raise
    except KarmaError as error:
        first = judged.edits[0].address if judged.edits else next(iter(judged.cone), "")
        finding = _finding(error.code, first, f"{error.what}: {error.why}")
        return Decision(status=State.REJECTED, why=str(error), findings=(*judged.findings, finding))
    blocked = {c.address: c.reason for c in made.components if c.action is Action.BLOCKED}
    edited = sorted(e.address for e in judged.edits if e.address in blocked)
    if edited:
        blocked_findings = tuple(_finding("plan-blocked", address, blocked[address]) for address in edited)
        why = f"plan-blocked: {edited[0]}: {blocked[edited[0]]}"
        return Decision(
            status=State.REJECTED, why=why, plan_id=made.id, findings=(*judged.findings, *blocked_findings)
        )
    broken = tuple(finding for finding in made.findings if finding.code == WOULD_BREAK)
    if broken and not change.allow_blocked:
        why = f"{WOULD_BREAK}: {broken[0].component}: {broken[0].message}"
        findings = (*judged.findings, *broken)
        return Decision(status=State.REJECTED, why=why, plan_id=made.id, findings=findings)
    warnings = tuple(f"{a} is blocked: {blocked[a]}" for a in sorted(blocked))
    if change.runs_only:
        return _decide_run(workspace, change, judged, made, warnings)
    definitions = judged.fleet.definitions if judged.fleet else {}
    needs = (*judged.needs, *evaluate_plan(workspace, made, definitions))
    canonical = digest.canonical_plan(made, judged.versions, judged.cone)
    return _decision(made, judged, canonical, needs, warnings)


def _decide_run(
    workspace: PolicySource, change: Change, judged: Judged, made: Plan, warnings: tuple[str, ...]
) -> Decision:
    canonical = canonical_run(made, judged.versions)
    decision = _decision(made, judged, canonical, needs_of(workspace, change, judged, made), warnings)
    return replace(decision, cone=canonical.cone, versions=canonical.versions)


def canonical_run(made: Plan, versions: Mapping[str, int]) -> CanonicalPlan:
    """Return the canonical plan that an approval of a run is bound to: of the components that it changes."""
    moved = moved_by(made)
    held = {address: versions[address] for address in moved if address in versions}
    return digest.canonical_plan(restricted(made, moved), held, moved)


def _decision(
    made: Plan,
    judged: Judged,
    canonical: CanonicalPlan,
    needs: tuple[str, ...],
    warnings: tuple[str, ...],
) -> Decision:
    return Decision(
        status=State.AWAITING_APPROVAL if needs else State.APPROVED,
        why="; ".join(needs) or "no rule asks for an approval",
        plan_id=made.id,
        digest=digest.digest(canonical),
        needs=needs,
        findings=judged.findings,
        warnings=(*warnings, *(f"approval needed: {why}" for why in needs)),
    )


def _plan(workspace: Planning, judged: Judged) -> Plan:
    selection = Selection(targets=tuple(e.address for e in judged.edits if not e.removes))
    removed = [e.address for e in judged.edits if e.removes]
    return plan(workspace, selection, fleet=judged.fleet, removed=removed)


def conclude(register: Register, kept: Kept, judged: Judged, decision: Decision) -> Kept:
    """Store the state that the plan led to."""
    return register.move(kept, decision.status, decision.why, **fields(judged, decision))


def fields(judged: Judged, decision: Decision) -> dict[str, Any]:
    """Return the fields of a change that follow from its judgement and its plan."""
    of_plan = {"cone": decision.cone, "versions": decision.versions}
    return {
        **judged_fields(judged),
        **{name: value for name, value in of_plan.items() if value is not None},
        "findings": decision.findings,
        "warnings": decision.warnings,
        "needs": decision.needs,
        "plan_id": decision.plan_id,
        "digest": decision.digest,
    }


def judged_fields(judged: Judged) -> dict[str, Any]:
    """Return the fields of a change that follow from its judgement alone."""
    return {
        "edits": judged.edits,
        "cone": judged.cone,
        "reads": judged.reads,
        "findings": judged.findings,
        "needs": judged.needs,
        "token": judged.token,
        "versions": judged.versions,
    }


def canonical_of(workspace: PlanStore, change: Change) -> CanonicalPlan | None:
    """The canonical form of the plan that was shown."""
    if change.plan_id is None:
        return None
    shown, _ = load_plan(workspace, change.plan_id)
    if change.runs_only:
        return canonical_run(shown, change.versions)
    return digest.canonical_plan(shown, change.versions, change.cone)


def differences_from_shown(workspace: PlanStore, change: Change, judged: Judged, plan_id: str) -> list[str]:
    """Return why a new plan exceeds the shown one; empty if the approval covers it.

    A run that moves less than was shown is covered: the versions of what is left are compared.
    """
    shown = canonical_of(workspace, change)
    if shown is None:
        return ["no plan was shown"]
    made = load_plan(workspace, plan_id)[0]
    if not change.runs_only:
        return digest.exceeds(shown, digest.canonical_plan(made, judged.versions, judged.cone))
    new = canonical_run(made, judged.versions)
    left = {address: version for address, version in shown.versions.items() if address in new.versions}
    return digest.exceeds(replace(shown, versions=left), new)


def removed_and_deployed(workspace: HasState, edits: tuple[Edit, ...]) -> tuple[str, ...]:
    """Addresses that the edits remove and that are deployed."""
    return tuple(e.address for e in edits if e.removes and workspace.state.applied(e.address) is not None)


def _finding(code: str, component: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, component=component, pointer="", message=message)
