"""The plan of a destroy: what would be destroyed, resource by resource; applies nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from karma_core.errors import KarmaError, StoreError
from karma_core.graph.validate import sort_findings
from karma_core.model import Finding
from karma_core.needs import DestroyPlanning
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.records import Applied
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.applied_job import destroy_job
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.states import finding_of, state_error
from karma_core.use_cases.graph.build import inputs_token
from karma_core.use_cases.plans.decider import in_one_line
from karma_core.use_cases.plans.stored import store_plan
from karma_core.use_cases.selection.deployed import select_for_destroy
from karma_core.use_cases.selection.record import Selection

ASKED_FOR = "it is to be destroyed"


def plan_destroy(workspace: DestroyPlanning, selection: Selection) -> Plan:
    """Plan the destruction of a selection, consumers first, and store the plan.

    NotFound and Refused as a destroy. A component whose destruction cannot be planned is `blocked`.
    """
    check_binding(workspace)
    heights.require_same_prefix(workspace)
    token = inputs_token(workspace)
    components, findings = _plan_all(workspace, select_for_destroy(workspace, selection))
    made = Plan(
        id=workspace.new_id(),
        environment=workspace.name,
        created_at=workspace.now(),
        targets=selection.targets,
        components=components,
        findings=sort_findings(findings),
    )
    store_plan(workspace, made, selection, token=token)
    return made


def planned_destroy(
    workspace: DestroyPlanning, record: Applied, reason: str
) -> tuple[PlannedComponent, Finding | None]:
    """(what the destruction of a deployed component would do, None), or (it blocked, why it is)."""
    try:
        error = state_error(workspace, record)
        if error is None:
            return _planned(workspace, record, reason), None
    except StoreError:
        raise
    except KarmaError as raised:
        error = raised
    blocked = PlannedComponent(address=record.address, action=Action.BLOCKED, reason=in_one_line(error))
    return blocked, finding_of(record.address, error)


def _planned(workspace: DestroyPlanning, record: Applied, reason: str) -> PlannedComponent:
    plan = workspace.terraform.plan(destroy_job(workspace, record))
    return PlannedComponent(
        address=record.address,
        action=Action.DESTROY,
        reason=reason,
        destroy=plan.destroy,
        to_forget=plan.to_forget,
        resources=plan.resources,
        text=plan.text,
    )


def _plan_all(
    workspace: DestroyPlanning, addresses: Sequence[str]
) -> tuple[tuple[PlannedComponent, ...], Collection[Finding]]:
    """(every component, in the order given; why some cannot be planned), as many at once as may be.

    The order is that of the destroy, not of planning: what is deployed is there for all of them.
    """
    findings: list[Finding] = []

    def plan_one(address: str) -> PlannedComponent | None:
        record = workspace.state.applied(address)
        if record is None:
            return None  # somebody destroyed it in the meantime
        planned, finding = planned_destroy(workspace, record, ASKED_FOR)
        if finding is not None:
            findings.append(finding)
        workspace.say("planned", {"address": address, "action": planned.action})
        return planned

    with ThreadPoolExecutor(max_workers=workspace.environment.parallelism) as pool:
        made = list(pool.map(plan_one, addresses))
    return tuple(planned for planned in made if planned is not None), findings
