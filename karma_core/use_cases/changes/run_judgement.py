"""Changes that carry out one run: what a deploy or destroy that needs an approval would do now.

Such a change writes no config. Its cone is what its plan changes; before it is re-planned, the cone is all
that may move, so that what overlaps waits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from karma_core.changes import judgement
from karma_core.changes.record import Change
from karma_core.decoding import convert
from karma_core.errors import KarmaError, StoreError
from karma_core.model import Finding, Severity
from karma_core.needs import FleetSource, Planning, PolicySource
from karma_core.plan.document import Plan
from karma_core.use_cases.access.policy_evaluation import forbids_run, needs_of_run, pending_edits
from karma_core.use_cases.changes.judged import Judged
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import inputs_token, read_fleet
from karma_core.use_cases.plans.decider import may_move
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import load_plan
from karma_core.use_cases.runs.remaining import plan_rest, rest_of
from karma_core.use_cases.selection.deployed import select_for_destroy
from karma_core.use_cases.selection.record import Selection
from karma_core.use_cases.selection.selecting import select_named

if TYPE_CHECKING:
    from karma_core.use_cases.runs.records import Order


def selection_of(change: Change) -> Selection:
    """The selection of the run that the change carries out."""
    return convert(change.selection or {}, Selection)


def covers(change: Change, order: Order) -> bool:
    """Whether the change carries out exactly this order."""
    if order.plan_id != change.plan_id or order.allow_blocked != change.allow_blocked:
        return False
    if change.runs_only:
        kind = "resume" if change.resumes else change.kind
        asked = (order.kind, order.run_id, order.selection)
        return asked == (kind, change.resumes, Selection() if change.resumes else selection_of(change))
    if order.kind == "deploy":
        return order.selection == Selection(targets=change.targets)
    wanted = set(order.selection.targets)
    named = order.selection == Selection(targets=order.selection.targets)
    return order.kind == "destroy" and named and bool(wanted) and wanted <= set(change.removed)


def judge_run(workspace: FleetSource, change: Change) -> Judged:
    """Return the current verdict: the policy's, and whether the run can be carried out at all."""
    token = inputs_token(workspace)
    try:
        fleet, chosen = _scope(workspace, change)
    except StoreError:
        raise
    except KarmaError as error:
        finding = _finding(error.code, next(iter(change.cone), ""), f"{error.what}: {error.why}.")
        return _judged(change, (finding,), change.cone, token)
    shown = set(change.cone)
    current = bool(token) and token == change.token
    movable = chosen if change.kind == "destroy" else may_move(fleet, chosen)
    cone = shown if current else (shown & chosen) | movable
    edits = pending_edits(fleet, chosen) if change.kind == "deploy" else ()
    findings = forbids_run(workspace, fleet, edits, _askers(change))
    judged = _judged(change, findings, cone, token, fleet=fleet)
    versions = versions_of(fleet, change.kind, cone | shown)
    return replace(judged, versions=versions, plan_id=change.plan_id if current else None)


def _judged(
    change: Change,
    findings: tuple[Finding, ...],
    cone: Collection[str],
    token: str,
    *,
    fleet: Fleet | None = None,
) -> Judged:
    reads = {p for a in cone if fleet and a in fleet.graph for p in fleet.graph.producers(a)}
    return Judged(
        edits=(),
        findings=tuple(sorted(findings, key=lambda finding: finding.order)),
        cone=tuple(sorted(cone)),
        reads=tuple(sorted(reads - set(cone))),
        needs=change.needs,
        versions={},
        token=token,
        fleet=fleet,
    )


def _askers(change: Change) -> tuple[str, str]:
    return change.requested_by, change.asked_by or change.requested_by


def _scope(workspace: FleetSource, change: Change) -> tuple[Fleet, set[str]]:
    """(the environment as the run sees it, the components that the run is for)."""
    if change.kind == "destroy":
        return read_fleet(workspace), set(select_for_destroy(workspace, selection_of(change)))
    if change.resumes:
        return rest_of(workspace, change.resumes)
    fleet, selection = read_fleet(workspace), selection_of(change)
    if selection.changed:  # Git says so where the plan is made; a process without a work tree cannot ask it
        return fleet, {a for a in change.cone if a in fleet.graph}
    return fleet, select_named(fleet, selection, workspace.name)


def versions_of(fleet: Fleet, kind: str, addresses: Collection[str]) -> dict[str, int]:
    """Config versions; for a destroy, which reads no configs, the generations of what is deployed."""
    if kind != "destroy":
        return dict(judgement.versions(fleet.inventory, addresses))
    known = ((a, fleet.inventory.components.get(a)) for a in sorted(addresses))
    return {a: loaded.applied.generation for a, loaded in known if loaded and loaded.applied}


def plan_run(workspace: Planning, change: Change, judged: Judged) -> Plan:
    """Plan the run again; if nothing has moved since the shown plan was made, return that."""
    if judged.plan_id is not None:
        return load_plan(workspace, judged.plan_id)[0]
    if change.kind == "destroy":
        return plan_destroy(workspace, selection_of(change))
    if change.resumes:
        return plan_rest(workspace, *rest_of(workspace, change.resumes))
    return plan(workspace, selection_of(change))


def needs_of(workspace: PolicySource, change: Change, judged: Judged, made: Plan) -> tuple[str, ...]:
    """Why the plan of the run needs an approval."""
    if judged.fleet is None:
        return ()
    edits = pending_edits(judged.fleet, judged.cone) if change.kind == "deploy" else ()
    return needs_of_run(workspace, judged.fleet, edits, made, _askers(change))


def _finding(code: str, component: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, component=component, pointer="", message=message)
