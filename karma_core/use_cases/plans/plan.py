"""Plan a target and its cone, in dependency order, before anything is applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from karma_core.graph.validate import sort_findings
from karma_core.model import Finding, about_environment, about_type
from karma_core.needs import DestroyPlanning, Planning, PlanStore
from karma_core.plan.document import Plan, PlannedComponent
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.states import check_states
from karma_core.use_cases.graph.build import inputs_token, read_fleet
from karma_core.use_cases.plans.destroy_plan import planned_destroy
from karma_core.use_cases.plans.not_looked_at import not_looked_at
from karma_core.use_cases.plans.planner import plan_components
from karma_core.use_cases.plans.stored import store_plan
from karma_core.use_cases.selection.not_selected import not_selected
from karma_core.use_cases.selection.record import Selection, require_selection
from karma_core.use_cases.selection.selecting import choose


def plan(
    workspace: Planning,
    selection: Selection,
    *,
    fleet: Fleet | None = None,
    removed: Collection[str] = (),
    published: bool = True,
    besides: Collection[Finding] = (),
) -> Plan:
    """Plan the selection and store the plan: masked JSON and text as artifacts. Applies nothing.

    `fleet` is planned instead of what is there now: the environment as a change would make it. `removed` are
    components whose config it takes away: those that are deployed are planned as destroyed. `published` says
    that its configs are in the parameter store: no plan of others can be deployed. `besides` are findings
    that the caller has of its own.
    """
    if not removed:
        require_selection(selection)
    check_binding(workspace)
    of_now = fleet is None
    if of_now:
        heights.require_same_prefix(workspace)
    token = inputs_token(workspace) if of_now else ""
    fleet = fleet or read_fleet(workspace)
    choice = choose(workspace, fleet, selection)
    fleet = check_states(workspace, fleet, choice.addresses)
    made = plan_components(workspace, fleet, choice.addresses)
    destroyed, kept = _destroys(workspace, set(removed) - set(fleet.moves.values()))
    components = {**made.components, **destroyed}
    unseen = set(not_looked_at(workspace, fleet)) if of_now else set()
    unseen |= {*not_selected(fleet, selection, choice), *besides}
    findings = _findings(fleet, components, {*made.findings, *kept, *unseen})
    return _store(workspace, fleet, selection, components, findings, token, published=published)


def _destroys(
    workspace: DestroyPlanning, removed: Collection[str]
) -> tuple[dict[str, PlannedComponent], set[Finding]]:
    """(what becomes of the deployments of components whose config goes, why some are kept)."""
    records = [record for address in sorted(removed) if (record := workspace.state.applied(address))]
    made = {r.address: planned_destroy(workspace, r, "its config is removed") for r in records}
    components = {address: planned for address, (planned, _) in made.items()}
    return components, {finding for _, finding in made.values() if finding is not None}


def _findings(fleet: Fleet, members: Collection[str], own: Collection[Finding]) -> tuple[Finding, ...]:
    """The plan's own findings and those of the graph that concern its members, theirs or their types'.

    What stops the plan replaces the graph's warning of the same thing (`unknown-type`).
    """
    types = {about_type(fleet[address].type) for address in members}
    scopes = {*members, *types, about_environment(fleet.inventory.environment)}
    said = {(f.code, f.component) for f in own}
    inherited = {f for f in fleet.findings if f.component in scopes and (f.code, f.component) not in said}
    return sort_findings({*inherited, *own})


def _store(
    workspace: PlanStore,
    fleet: Fleet,
    selection: Selection,
    components: Mapping[str, PlannedComponent],
    findings: tuple[Finding, ...],
    token: str,
    *,
    published: bool,
) -> Plan:
    order = (
        [a for a in fleet.graph.order() if a in components] if fleet.graph.acyclic() else sorted(components)
    )
    made = Plan(
        id=workspace.new_id(),
        environment=workspace.name,
        created_at=workspace.now(),
        targets=selection.targets,
        components=tuple(components[a] for a in order),
        findings=findings,
    )
    store_plan(workspace, made, selection, token=token, published=published)
    return made
