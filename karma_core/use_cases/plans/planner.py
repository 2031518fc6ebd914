"""Plan the components of a selection one by one, each with its producers' planned runtimes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.errors import BadInput, KarmaError, PlanDeferred, StoreError
from karma_core.json_types import JsonObject
from karma_core.masking.errors import without_secrets
from karma_core.masking.masker import leaves_of, masker_of
from karma_core.model import Finding, Record, to_builtins
from karma_core.needs import ComponentPlanning
from karma_core.plan.checks import check_failed
from karma_core.plan.document import CHANGING, Action, PlannedComponent
from karma_core.plan.explain import explain
from karma_core.plan.judge import ADOPTED, Judgement, Verdict
from karma_core.plan.machine_paths import machine_path_finding
from karma_core.plan.passed_on import passed_on, passed_on_finding
from karma_core.plan.runtime import UNKNOWN, marked_keys, planned_outputs, runtime_of
from karma_core.plan.steps import PLAN
from karma_core.records import Applied, PlannedRuntime, TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.plans.breaking import would_break
from karma_core.use_cases.plans.decider import Block, Decider, block_of
from karma_core.use_cases.plans.looked_up import foreseen
from karma_core.use_cases.plans.runtime_plan import (
    check_runtimes,
    foreseen_runtime,
    is_due_again,
    runtime_due,
)
from karma_core.walk import Driver, Result, Step, ThreadExecutor, Walk

_ACTIONS = {
    Verdict.UNCHANGED: Action.NO_OP,
    Verdict.CUT_OFF: Action.CUT_OFF,
    Verdict.RECORD: Action.NO_OP,
    Verdict.RELOAD: Action.RELOAD,
    Verdict.PUBLISH: Action.UPDATE,
}


class ConePlan(Record, frozen=True, kw_only=True):
    """The result of planning a cone: every chosen component by address, and the plan's own findings."""

    components: dict[str, PlannedComponent]
    findings: frozenset[Finding]


class Planner:
    """The walk's Work: plans each component when its producers' plans are known."""

    def __init__(self, workspace: ComponentPlanning, fleet: Fleet, decider: Decider) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._decider = decider
        self.components: dict[str, PlannedComponent] = {}
        self.refused: dict[str, Block] = {}
        """Components whose own plan could not be made, although nothing had blocked them."""
        self.findings: set[Finding] = set()
        """What the plans themselves show."""

    def first_step(self, address: str) -> str:
        """Return the only step."""
        del address
        return PLAN

    def step(self, address: str, step: str) -> Step:
        """Return the call that plans the component."""
        del step
        return lambda: self._plan(address)

    def interrupted(self) -> None:
        """Stop the running Terraform processes."""
        self._workspace.terraform.stop()

    def plans_now(self, address: str) -> bool:
        """Whether the component can be planned with its producers' runtimes of now."""
        job = self._fleet.job(address, self._fleet.module(address), as_now=True)
        try:
            self._workspace.terraform.plan(job)
        except StoreError:
            raise
        except KarmaError:
            return False
        return True

    def _plan(self, address: str) -> Result:
        try:
            planned = self._judge_and_plan(address)
        except StoreError:
            raise
        except KarmaError as raised:
            error = without_secrets(raised, self._workspace.known_secrets.masker(address))
            self.refused[address] = block_of(address, error)
            planned = _blocked(address, self.refused[address].reason)
        self.components[address] = planned
        self._workspace.say("planned", {"address": address, "action": planned.action})
        return Result(succeeded=planned.action is not Action.BLOCKED)

    def _judge_and_plan(self, address: str) -> PlannedComponent:
        judgement = self._decider.decide(address)
        applied = self._decider.applied(address)
        return replace(self._carry_out(judgement), explained=explain(judgement.inputs, applied))

    def _carry_out(self, judgement: Judgement) -> PlannedComponent:
        """Plan a component by its judgement: settled as it is, deferred with a producer, or planned."""
        address = judgement.address
        if judgement.verdict is Verdict.PUBLISH:
            return self._published_again(judgement)
        if judgement.verdict is not Verdict.RUN:
            reloads = judgement.verdict is Verdict.RELOAD
            action = self._fleet.definition(address).reload if reloads else None
            return replace(
                _settled(judgement), reload=strictjson.digest(to_builtins(action)) if action else ""
            )
        planned = {p: self.components[p] for p in self._fleet.waits_for(address) if p in self.components}
        deferred = [p for p, plan in planned.items() if plan.action is Action.DEFERRED]
        if deferred:
            job = self._fleet.job(address, self._fleet.module(address))
            self._workspace.terraform.require_valid(job)
            return self._deferred(judgement, f"it needs {', '.join(sorted(deferred))}, which is deferred")
        return self._terraform(address, judgement)

    def _published_again(self, judgement: Judgement) -> PlannedComponent:
        """Nothing is applied; consumers are planned with the runtime that the state's outputs say."""
        runtime = self._fleet.values.runtime(judgement.address)
        self._fleet.values.foresee(judgement.address, PlannedRuntime(known=runtime or {}))
        return _settled(judgement)

    def _deferred(self, judgement: Judgement, why: str) -> PlannedComponent:
        """Return a component that will run but can be planned only after its producers have been applied."""
        address = judgement.address
        self._move(address, UNKNOWN, UNKNOWN, {})
        return PlannedComponent(
            address=address,
            action=Action.DEFERRED,
            reason=f"{why}; {judgement.reason}",
            unknown_inputs=self._unknown(address),
        )

    def _move(
        self,
        address: str,
        runtime: PlannedRuntime,
        outputs: PlannedRuntime,
        written: Mapping[str, PlannedRuntime],
    ) -> None:
        """Note that the component will change. `written`: parameters that its module will write, by name."""
        self._decider.spread.move((address, *self._fleet.written_by(address)))
        self._fleet.values.foresee(address, runtime)
        self._fleet.values.outputs.foresee(address, outputs)
        for further in self._fleet.written_by(address):
            name = self._workspace.runtime_parameter(further)
            self._fleet.values.foresee(further, written.get(name, UNKNOWN))

    def _unknown(self, address: str) -> tuple[str, ...]:
        return self._fleet.unknown_inputs(address)

    def _terraform(self, address: str, judgement: Judgement) -> PlannedComponent:
        module = self._fleet.module(address)
        try:
            foretell = self._fleet.module_writes(address) or bool(self._fleet.written_by(address))
            self._fleet.check_config(address)
            self.findings.update(self._fleet.secret_reads(address))
            later = foreseen(self._fleet.looked_up(address), self.components)
            if later.waits:
                return self._deferred(judgement, later.waits)
            job = self._fleet.job(address, module)
            job = replace(job, foretell=foretell, parameters={**later.parameters, **job.parameters})
            plan = self._workspace.terraform.plan(job)
        except PlanDeferred as deferred:
            return self._deferred(judgement, deferred.why)
        self._keep_secrets(address, job, plan)
        if plan.machine_paths:
            self.findings.add(machine_path_finding(address, plan.machine_paths))
        self.findings.update(check_failed(address, said) for said in plan.checks)
        source = self._fleet.moves.get(address)
        if source is not None:
            judgement = replace(judgement, reason=f"moved from {source}; {judgement.reason}")
            plan = replace(plan, action=Action.UPDATE) if plan.action == Action.NO_OP else plan
        judgement, plan = self._with_runtime(judgement, plan)
        if plan.action in CHANGING:
            outputs = planned_outputs(plan.outputs)
            self._move(address, foreseen_runtime(self._fleet, address, plan), outputs, plan.written)
        adopted = plan.action == Action.NO_OP and self._fleet[address].applied is None
        if adopted and self._fleet.values.runtime(address) is None:
            # The deploy publishes it, and what consumes it is planned with it.
            self._fleet.values.foresee(address, foreseen_runtime(self._fleet, address, plan))
        unknown = (*self._unknown(address), *sorted(later.parameters))
        return _from_terraform(judgement, plan, unknown, adopted=adopted)

    def _keep_secrets(self, address: str, job: TerraformJob, plan: TerraformPlan) -> None:
        """Note the keys of the planned runtime that are secret: marked sensitive, or passed on."""
        secrets = masker_of(leaves_of(list(job.secrets)))
        by_module = self._fleet.module_writes(address)
        planned = plan.written.get(self._workspace.runtime_parameter(address)) if by_module else None
        outputs = TerraformOutputs(values=plan.outputs.known, sensitive=plan.outputs.sensitive)
        runtime = _runtime_as_known(address, outputs) if planned is None else planned.known
        marked = frozenset() if by_module else marked_keys(outputs, runtime)
        passed = passed_on(runtime, secrets, marked)
        if passed:
            self.findings.add(passed_on_finding(address, passed, by_module=by_module))
        if by_module and plan.outputs.sensitive:
            self._fleet.values.keep_secret(address)
        elif marked or passed:
            self._fleet.values.keep_secret(address, marked.union(passed))

    def _with_runtime(self, judgement: Judgement, plan: TerraformPlan) -> tuple[Judgement, TerraformPlan]:
        """The plan, as an update where only the runtime is left to be written; BadInput if it cannot be."""
        address = judgement.address
        applied = self._decider.applied(address)
        if not is_due_again(plan, applied):
            check_runtimes(self._fleet, address, plan)
        due = runtime_due(self._workspace, self._fleet, address, plan, applied)
        if not due:
            return judgement, plan
        due += self._refused_again(address, plan, applied)
        reason = f"{judgement.reason}; Terraform has no changes, and {due}"
        text = f"Terraform has nothing to change; {due}.\n"
        return replace(judgement, reason=reason), replace(plan, action=Action.UPDATE, text=text)

    def _refused_again(self, address: str, plan: TerraformPlan, applied: Applied | None) -> str:
        """What is said of a runtime that was refused after the last apply, and would be again as it is."""
        if not is_due_again(plan, applied):
            return ""
        try:
            check_runtimes(self._fleet, address, plan)
        except BadInput as error:
            return f", which will be refused as before: {error.why}"
        return ""


def _runtime_as_known(address: str, outputs: TerraformOutputs) -> JsonObject:
    """The known part of the planned runtime; empty where it is none (`check_runtimes` says so)."""
    try:
        return runtime_of(address, outputs.values)
    except BadInput:
        return {}


def _from_terraform(
    judgement: Judgement, plan: TerraformPlan, unknown: tuple[str, ...], *, adopted: bool
) -> PlannedComponent:
    """Return the planned component. A plan with unknown inputs has no fingerprint to compare later."""
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
        to_import=plan.to_import,
        to_forget=plan.to_forget,
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


def _blocked(address: str, reason: str) -> PlannedComponent:
    return PlannedComponent(address=address, action=Action.BLOCKED, reason=reason)


def plan_components(workspace: ComponentPlanning, fleet: Fleet, chosen: Collection[str]) -> ConePlan:
    """Plan every chosen component, producers first, in as many threads as the environment allows.

    Nothing is stored. The fleet's values hold what the plans foresee afterwards (`Values.forget_plans`).
    """
    decider = Decider(fleet, chosen, "will change")
    planner = Planner(workspace, fleet, decider)
    producers = {address: fleet.waits_for(address) for address in decider.members}
    walk = Walk(producers, fleet.graph.heights(decider.members))
    with ThreadExecutor(workspace.environment.parallelism) as executor:
        Driver(walk, planner, executor, producers).run(workspace.environment.parallelism)
    stopped = {address: block.reason for address, block in decider.blocked.items()}
    behind = {address: f"it needs {cause}, which is blocked" for address, cause in walk.blocked.items()}
    components = {a: _blocked(a, reason) for a, reason in {**behind, **stopped}.items()}
    blocks = {**decider.blocked, **planner.refused}
    findings = {block.finding for block in blocks.values() if block.finding is not None}
    broken = would_break(fleet, decider, planner.refused, planner.plans_now)
    return ConePlan(
        components={**components, **planner.components},
        findings=frozenset({*findings, *broken, *planner.findings}),
    )
