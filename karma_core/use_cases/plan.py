"""Plan a target and its cone, in dependency order, before anything is applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from karma_core.errors import KarmaError, PlanDeferred, Refused, StoreError
from karma_core.graph.validate import blocked, sort_findings
from karma_core.model import Finding, Severity
from karma_core.plan.document import CHANGING, Action, Plan, PlannedComponent
from karma_core.plan.explain import explain
from karma_core.plan.judge import ADOPTED, Judgement, Verdict, judge
from karma_core.plan.runtime import UNKNOWN, planned_runtime
from karma_core.plan.spread import Spread
from karma_core.records import Module, PlannedRuntime, TerraformPlan
from karma_core.use_cases.binding import check_binding
from karma_core.use_cases.build import inputs_token, read_fleet
from karma_core.use_cases.component_steps import PLAN, unknown_type
from karma_core.use_cases.destroy_plan import planned_destroy
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.plans import store_plan
from karma_core.use_cases.runs import Selection, require_selection
from karma_core.use_cases.selecting import select, why_blocked
from karma_core.walk import Driver, Result, Step, ThreadExecutor, Walk
from karma_core.workspace import Workspace

_ACTIONS = {
    Verdict.UNCHANGED: Action.NO_OP,
    Verdict.CUT_OFF: Action.CUT_OFF,
    Verdict.RECORD: Action.NO_OP,
    Verdict.RELOAD: Action.RELOAD,
}


class Planner:
    """The walk's Work: plans each component when its producers' plans are known."""

    def __init__(self, workspace: Workspace, fleet: Fleet, members: Collection[str]) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._members = frozenset(members)
        self._spread = Spread("will change")
        self.components: dict[str, PlannedComponent] = {}
        self.findings: set[Finding] = set()

    def first_step(self, address: str) -> str:
        """There is one step only."""
        del address
        return PLAN

    def step(self, address: str, step: str) -> Step:
        """The call for it."""
        del step
        return lambda: self._plan(address)

    def interrupted(self) -> None:
        """End the running Terraforms."""
        self._workspace.terraform.stop()

    def _plan(self, address: str) -> Result:
        try:
            planned = self._judge_and_plan(address)
        except StoreError:
            raise
        except KarmaError as error:
            self.findings.add(_finding(address, error))
            planned = PlannedComponent(address=address, action=Action.BLOCKED, reason=str(error))
        self.components[address] = planned
        self._workspace.say("planned", {"address": address, "action": planned.action})
        return Result(succeeded=planned.action is not Action.BLOCKED)

    def _judge_and_plan(self, address: str) -> PlannedComponent:
        fleet = self._fleet
        missing = self._absent_producers(address)
        if missing:
            raise _not_deployed(address, missing)
        seen = self._spread.seen_from(fleet.graph.producers(address))
        if seen.anything:
            self._spread.reach((address, *fleet.written_by(address)))
        applied = fleet.deployed(address)
        drifted = fleet.values.drifted(applied)
        definition = fleet.definition(address)
        judgement = judge(address, fleet.inputs(address), applied, definition, seen, drifted=drifted)
        return replace(self._carry_out(judgement), explained=explain(judgement.inputs, applied))

    def _carry_out(self, judgement: Judgement) -> PlannedComponent:
        """What the verdict means for the plan: settled as it is, deferred with a producer, or planned."""
        address = judgement.address
        if judgement.verdict is not Verdict.RUN:
            return _settled(judgement)
        planned = {p: self.components[p] for p in self._fleet.waits_for(address) if p in self.components}
        deferred = [p for p, plan in planned.items() if plan.action is Action.DEFERRED]
        if deferred:
            return self._deferred(judgement, f"it needs {', '.join(sorted(deferred))}, which is deferred")
        return self._terraform(address, judgement)

    def _deferred(self, judgement: Judgement, why: str) -> PlannedComponent:
        """It will run, but what it will do can be planned only when its producers have been applied."""
        address = judgement.address
        self._move(address, UNKNOWN, {})
        return PlannedComponent(
            address=address,
            action=Action.DEFERRED,
            reason=f"{why}; {judgement.reason}",
            unknown_inputs=self._unknown(address),
        )

    def _move(self, address: str, runtime: PlannedRuntime, written: Mapping[str, PlannedRuntime]) -> None:
        """The component will change. `written`: parameters that its module will write, by name."""
        self._spread.move((address, *self._fleet.written_by(address)))
        self._fleet.values.foresee(address, runtime)
        for further in self._fleet.written_by(address):
            name = self._workspace.runtime_parameter(further)
            self._fleet.values.foresee(further, written.get(name, UNKNOWN))

    def _unknown(self, address: str) -> tuple[str, ...]:
        return self._fleet.values.unknown_inputs(self._fleet.consumed(address))

    def _absent_producers(self, address: str) -> list[str]:
        """Producers that are neither deployed nor part of this plan (those before it have been planned)."""
        fleet = self._fleet
        return [
            p
            for p in fleet.graph.producers(address)
            if not self._members & {p, *fleet.writers_of(p)}
            and fleet.values.runtime(p) is None
            and fleet[p].applied is None
        ]

    def _foreseen(self, address: str, module: Module, plan: TerraformPlan) -> PlannedRuntime:
        """The runtime as the plan foresees it: what the module writes itself, else what its outputs say."""
        if not module.writes_runtime:
            return planned_runtime(address, plan.outputs)
        own = plan.written.get(self._workspace.runtime_parameter(address))
        if own is None and self._fleet.written_by(address) and self._fleet.values.stored(address) is None:
            return planned_runtime(address, plan.outputs)  # what it writes are others' runtimes
        return own or UNKNOWN

    def _terraform(self, address: str, judgement: Judgement) -> PlannedComponent:
        module = self._fleet.values.module(address)
        if module is None:
            raise unknown_type(address)
        try:
            job = replace(self._fleet.job(address, module), foretell=module.writes_runtime)
            plan = self._workspace.terraform.plan(job)
        except PlanDeferred as deferred:
            return self._deferred(judgement, deferred.why)
        if plan.outputs.sensitive:
            self._fleet.values.keep_secret(address)
        source = self._fleet.moves.get(address)
        if source is not None:
            judgement = replace(judgement, reason=f"moved from {source}; {judgement.reason}")
            plan = replace(plan, action=Action.UPDATE) if plan.action == Action.NO_OP else plan
        if plan.action in CHANGING:
            self._move(address, self._foreseen(address, module, plan), plan.written)
        adopted = plan.action == Action.NO_OP and self._fleet[address].applied is None
        return _from_terraform(judgement, plan, self._unknown(address), adopted=adopted)


def _from_terraform(
    judgement: Judgement, plan: TerraformPlan, unknown: tuple[str, ...], *, adopted: bool
) -> PlannedComponent:
    """A plan made with unknowns has no fingerprint: nothing can be recognised as what it foresaw."""
    said = f"; unknown until apply: {', '.join(unknown)}" if unknown else ""
    if plan.action == Action.NO_OP:
        said += ADOPTED if adopted else "; its plan has no changes"
    return PlannedComponent(
        address=judgement.address,
        action=Action(plan.action),
        reason=judgement.reason + said,
        add=plan.add,
        change=plan.change,
        destroy=plan.destroy,
        unknown_inputs=unknown,
        fingerprint="" if unknown else judgement.inputs.fingerprint,
        resources=plan.resources,
        text=plan.text,
        saved=plan.saved,
    )


def _settled(judgement: Judgement) -> PlannedComponent:
    return PlannedComponent(
        address=judgement.address,
        action=_ACTIONS[judgement.verdict],
        reason=judgement.reason,
        fingerprint=judgement.inputs.fingerprint,
    )


def _not_deployed(address: str, missing: list[str]) -> Refused:
    return Refused(
        f"producer-not-deployed: {', '.join(missing)}",
        why=f"{address} needs it, and it is not part of this plan",
        next_step="deploy it first or add --with-producers",
        code="producer-not-deployed",
        component=address,
    )


def _finding(address: str, error: KarmaError) -> Finding:
    """Why a component cannot be planned, as a finding of the plan."""
    return Finding(
        code=error.code,
        severity=Severity.ERROR,
        component=address,
        pointer="",
        message="; ".join(filter(None, (error.what, error.why, error.next_step))),
    )


def plan(
    workspace: Workspace,
    selection: Selection,
    *,
    fleet: Fleet | None = None,
    removed: Collection[str] = (),
) -> Plan:
    """Plan the selection and store the plan: masked JSON and text as artifacts. Applies nothing.

    `fleet` is planned instead of what is there now: the environment as a change would make it. `removed` are
    components whose config it takes away: those that are deployed are planned as destroyed.
    """
    if not removed:
        require_selection(selection)
    check_binding(workspace)
    token = inputs_token(workspace) if fleet is None else ""
    fleet = fleet or read_fleet(workspace)
    chosen = select(workspace, fleet, selection)
    stopped = blocked(fleet.findings, fleet.graph) & chosen
    members = {a for a in chosen - stopped if plannable(fleet, a)}
    planner = Planner(workspace, fleet, members)
    producers = {a: fleet.waits_for(a) for a in members}
    walk = Walk(producers, fleet.graph.heights(members))
    with ThreadExecutor(workspace.environment.parallelism) as executor:
        Driver(walk, planner, executor, producers).run(workspace.environment.parallelism)
    for address in stopped:
        reason = why_blocked(fleet, address)
        planner.components[address] = PlannedComponent(address=address, action=Action.BLOCKED, reason=reason)
    for address, cause in walk.blocked.items():
        planner.components[address] = PlannedComponent(
            address=address, action=Action.BLOCKED, reason=f"it needs {cause}, which cannot be planned"
        )
    planner.components |= _destroys(workspace, set(removed) - set(fleet.moves.values()))
    findings = _findings(fleet, planner.components, planner.findings)
    return _store(workspace, fleet, selection, planner.components, findings, token)


def _destroys(workspace: Workspace, removed: Collection[str]) -> dict[str, PlannedComponent]:
    """What becomes of the deployments of components whose config goes."""
    records = [record for address in sorted(removed) if (record := workspace.state.applied(address))]
    return {r.address: planned_destroy(workspace, r, "its config is removed") for r in records}


def plannable(fleet: Fleet, address: str) -> bool:
    """External, orphaned and removed nodes are never planned: there is no config to plan them from."""
    return fleet[address].config is not None


def _findings(fleet: Fleet, members: Collection[str], own: Collection[Finding]) -> tuple[Finding, ...]:
    """The plan's own findings and those of the graph that concern its members, theirs or their types'.

    What stops the plan replaces the graph's warning of the same thing (`unknown-type`).
    """
    types = {f"type:{fleet[address].type}" for address in members}
    scopes = {*members, *types, f"environment:{fleet.inventory.environment}"}
    said = {(f.code, f.component) for f in own}
    found = {f for f in fleet.findings if f.component in scopes and (f.code, f.component) not in said}
    return sort_findings({*found, *own})


def _store(
    workspace: Workspace,
    fleet: Fleet,
    selection: Selection,
    components: Mapping[str, PlannedComponent],
    findings: tuple[Finding, ...],
    token: str,
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
    store_plan(workspace, made, selection, token=token)
    return made
