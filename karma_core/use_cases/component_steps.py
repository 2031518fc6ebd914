"""The steps of one component in a run: plan, apply, propagate, reload.

Each is one call with no hidden order: what a step leaves for the next is in `_planned`. A component's own
failure is an outcome; only what ends the whole run (a lost lease, a log that cannot be written) is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from karma_core import strictjson
from karma_core.errors import BadInput, DeployFailed, KarmaError, StaleLease, StoreError
from karma_core.failpoints import reach
from karma_core.model import Record, to_builtins
from karma_core.plan.judge import Judgement, Verdict, judge
from karma_core.plan.runtime import changed_keys, check_size, is_secret, planned_runtime, runtime_of
from karma_core.records import (
    Applied,
    ParameterKind,
    ParameterWrite,
    TerraformJob,
    TerraformOutputs,
    TerraformPlan,
)
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.journalling import Heartbeat, Recorder
from karma_core.use_cases.runs import Outcome
from karma_core.walk import Result
from karma_core.workspace import Workspace

PLAN, APPLY, PROPAGATE, RELOAD = "plan", "apply", "propagate", "reload"


class Planned(Record, frozen=True, kw_only=True):
    """What a component's plan step leaves for its apply."""

    judgement: Judgement
    generation: int
    job: TerraformJob
    plan: TerraformPlan
    cause: str | None = None


class ComponentSteps:
    """Carries out the steps of every component of one run, from several threads."""

    def __init__(
        self, workspace: Workspace, fleet: Fleet, recorder: Recorder, heartbeat: Heartbeat, run_id: str
    ) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._recorder = recorder
        self._heartbeat = heartbeat
        self._run_id = run_id
        self._values = fleet.values
        self._planned: dict[str, Planned] = {}
        self._applied: dict[str, tuple[TerraformOutputs, str]] = {}
        self._judged: dict[str, Judgement] = {}
        self._moved: dict[str, str] = {}
        self._published: dict[str, str] = {}
        self._started: dict[str, float] = {}
        self.interrupted = False
        self.outcomes: dict[str, Outcome] = {}

    def call(self, address: str, step: str) -> Callable[[], Result]:
        """The call for one step."""
        steps = {PLAN: self.plan, APPLY: self.apply, PROPAGATE: self.propagate, RELOAD: self.reload}
        return lambda: self._guarded(steps[step], address, step)

    def _guarded(self, step: Callable[[str], Result], address: str, name: str) -> Result:
        """Run a step; the component's own failure becomes its outcome."""
        self._started.setdefault(address, time.monotonic())
        self._heartbeat.check()
        self._workspace.say("step", {"address": address, "step": name})
        try:
            return step(address)
        except (StaleLease, StoreError):
            self.finish(address, "not_run" if name == PLAN else "failed", f"the run ended in its {name} step")
            raise
        except KarmaError as error:
            return self._failed(address, name, error)

    def finish(self, address: str, status: str, reason: str) -> Result:
        """Note how the component ended."""
        seconds = time.monotonic() - self._started.get(address, time.monotonic())
        outcome = Outcome(address=address, status=status, reason=reason, seconds=seconds)
        self.outcomes[address] = outcome
        self._workspace.say("outcome", {"address": address, "status": status, "reason": reason})
        return Result(succeeded=status not in {"failed", "stopped", "interrupted", "not_run"})

    # -- plan -----------------------------------------------------------------------------------------

    def plan(self, address: str) -> Result:
        """Judge the component with the real values of now and, if it has to run, plan it."""
        judgement = self.judge(address)
        if judgement.verdict in {Verdict.UNCHANGED, Verdict.CUT_OFF}:
            return self.finish(address, judgement.verdict, judgement.reason)
        self._judged[address] = judgement
        if judgement.verdict is Verdict.RELOAD:
            return Result(next_step=RELOAD)
        if judgement.verdict is Verdict.RECORD:
            generation = self._workspace.state.next_generation(address)
            self._record(address, judgement, generation, "record")
            return self.finish(address, "unchanged", judgement.reason)
        return self._plan_terraform(address, judgement)

    def judge(self, address: str) -> Judgement:
        """The judgement with the runtimes of now."""
        fleet = self._fleet
        moved = {p: self._moved[p] for p in fleet.graph.producers(address) if p in self._moved}
        applied = self._workspace.state.applied(address)
        return judge(address, fleet.inputs(address), applied, fleet.definition(address), moved)

    def _plan_terraform(self, address: str, judgement: Judgement) -> Result:
        module = self._values.module(address)
        if module is None:
            raise unknown_type(address)
        job = self._fleet.job(address, module)
        generation = self._workspace.state.next_generation(address)
        plan = self._workspace.terraform.plan(job)
        check_size(address, planned_runtime(address, plan.outputs).known)
        planned = Planned(
            judgement=judgement, generation=generation, job=job, plan=plan, cause=self._cause(address)
        )
        self._planned[address] = planned
        if plan.action != "no-op":
            return Result(next_step=APPLY)
        self._publish(address, planned, self._workspace.terraform.outputs(job))
        return self.finish(address, "unchanged", f"{judgement.reason}; its plan has no changes")

    def _cause(self, address: str) -> str | None:
        """The newest runtime event of a producer that moved in this run, else the run's own start."""
        found = [self._published[p] for p in self._fleet.graph.producers(address) if p in self._published]
        return max(found, default=self._recorder.root)

    # -- apply ----------------------------------------------------------------------------------------

    def apply(self, address: str) -> Result:
        """Apply the plan, with intent and outcome in journal and log."""
        planned = self._planned[address]
        detail: dict[str, Any] = {
            "action": planned.plan.action,
            "reason": planned.judgement.reason,
            "add": planned.plan.add,
            "change": planned.plan.change,
            "destroy": planned.plan.destroy,
        }
        kept = keep_plan(self._workspace, self._run_id, planned.plan)
        self._recorder.journal(address, planned.generation, APPLY, "started", **detail)
        reach("deploy.after_intent")
        intent = self._recorder.log(
            "terraform_apply",
            "started",
            address,
            inputs={**detail, "generation": planned.generation},
            artifacts=kept,
            cause=planned.cause,
        )
        reach("deploy.before_apply")
        try:
            outputs = self._workspace.terraform.apply(planned.job, planned.plan)
        except DeployFailed as error:
            return self._apply_failed(address, planned, intent, error)
        reach("deploy.after_apply")
        self._recorder.journal(address, planned.generation, APPLY, "succeeded")
        reach("deploy.before_outcome")
        done = self._recorder.log(
            "terraform_apply",
            "succeeded",
            address,
            after=planned.judgement.inputs.fingerprint,
            cause=intent,
        )
        self._applied[address] = (outputs, done)
        return Result(next_step=PROPAGATE)

    def _apply_failed(self, address: str, planned: Planned, intent: str, error: DeployFailed) -> Result:
        """Note that nobody knows how far the apply came: the record says failed, so it runs again."""
        record = self._record_of(address, planned.judgement, planned.generation, status="failed")
        self._recorder.journal(
            address, planned.generation, APPLY, "failed", applied=record, error=error.document()
        )
        self._recorder.log(
            "terraform_apply", "failed", address, inputs={"error": error.document()}, cause=intent
        )
        self._workspace.say("error", {"address": address, "error": str(error)})
        return self.finish(address, "interrupted" if self.interrupted else "failed", error.what)

    # -- propagate ------------------------------------------------------------------------------------

    def propagate(self, address: str) -> Result:
        """Publish the runtime and note what was applied: consumers are judged with it from now on."""
        planned = self._planned.pop(address)
        outputs, cause = self._applied.pop(address)
        self._moved[address] = "was applied"
        self._publish(address, planned, outputs, cause)
        return self.finish(address, "applied", planned.judgement.reason)

    def _publish(
        self, address: str, planned: Planned, outputs: TerraformOutputs, cause: str | None = None
    ) -> None:
        """Write the runtime if it differs, then record the apply, then log what consumers will see."""
        before = self._values.runtime(address)
        if planned.job.module.writes_runtime:
            runtime = self._values.read_back(address)
        else:
            runtime = runtime_of(address, outputs.values)
            check_size(address, runtime)
            if runtime != before:
                reach("deploy.before_runtime")
                self._write_runtime(address, runtime, secret=is_secret(outputs))
        reach("deploy.after_runtime")
        self._record(address, planned.judgement, planned.generation, "publish_runtime")
        self._values.learn(address, runtime)
        changed = changed_keys(before, runtime)
        if changed or cause:
            self._published[address] = self._recorder.log(
                "runtime_publish",
                "succeeded",
                address,
                inputs={"changed": list(changed), "consumers": list(self._fleet.graph.consumers(address))},
                cause=cause or planned.cause,
            )

    def _write_runtime(self, address: str, runtime: dict[str, Any], *, secret: bool) -> None:
        """Write the runtime parameter, on the version that is there now and no other."""
        name = self._workspace.runtime_parameter(address)
        held = self._workspace.parameters.get(name)
        write = ParameterWrite(
            name=name,
            value=strictjson.canonical(runtime).decode(),
            kind=ParameterKind.SECURE if secret else ParameterKind.STRING,
            description=f"Runtime of {address}, published by Karma in run {self._run_id}",
            base=held.version if held else 0,
        )
        self._workspace.parameters.put([write])

    # -- reload ---------------------------------------------------------------------------------------

    def reload(self, address: str) -> Result:
        """Carry out the type's reload action; at least once, under a key that stays the same."""
        judgement = self._judged.pop(address)
        action = self._fleet.definition(address).reload
        generation = self._workspace.state.next_generation(address)
        self._recorder.journal(address, generation, RELOAD, "started", reason=judgement.reason)
        intent = self._recorder.log(
            "reload", "started", address, inputs={"reason": judgement.reason}, cause=self._cause(address)
        )
        try:
            said = self._workspace.reloader.reload(
                action.model_dump(exclude_none=True) if action else {},
                address=address,
                environment=self._workspace.name,
                idempotency_key=f"{address}#{generation}",
            )
        except DeployFailed as error:
            self._recorder.journal(address, generation, RELOAD, "failed", error=error.document())
            self._recorder.log("reload", "failed", address, inputs={"error": error.document()}, cause=intent)
            raise
        self._record(address, judgement, generation, RELOAD)
        self._recorder.log("reload", "succeeded", address, inputs={"said": said}, cause=intent)
        return self.finish(address, "reloaded", judgement.reason)

    # -- records --------------------------------------------------------------------------------------

    def _record(self, address: str, judgement: Judgement, generation: int, step: str) -> None:
        """Journal the step's success together with the applied record that it makes true."""
        record = self._record_of(address, judgement, generation, status="applied")
        self._recorder.journal(address, generation, step, "succeeded", applied=record)

    def _record_of(self, address: str, judgement: Judgement, generation: int, *, status: str) -> Applied:
        loaded = self._fleet[address]
        module = self._values.module(address)
        inputs = judgement.inputs
        applied = status == "applied"
        return Applied(
            address=address,
            fingerprint=inputs.fingerprint if applied else "",
            generation=generation,
            run_id=self._run_id,
            at=self._workspace.now(),
            config=(loaded.config.value or {}) if loaded.config else {},
            config_version=loaded.config.parameter.version if loaded.config else 0,
            module=module.digest if module else "",
            inputs=inputs.labels if applied else {},
            keys=inputs.keys if applied else {},
            edges=tuple(sorted(inputs.keys)),
            provenance=loaded.provenance,
            status=status,
        )

    def _failed(self, address: str, step: str, error: KarmaError) -> Result:
        """A step that failed for a reason of the component's own."""
        self._workspace.say("error", {"address": address, "error": str(error)})
        if step == PLAN:
            self._recorder.log("terraform_plan", "failed", address, inputs={"error": error.document()})
        return self.finish(address, "interrupted" if self.interrupted else "failed", error.what)


def keep_plan(workspace: Workspace, run_id: str, plan: TerraformPlan) -> tuple[str, ...]:
    """Store a plan's masked JSON and text in the artifact log; their keys."""
    day = workspace.now()[:10]
    folder = f"{workspace.name}/{day}/{run_id}/{plan.address}"
    body = {"action": plan.action, "resources": to_builtins(plan.resources)}
    return (
        workspace.artifacts.put(f"{folder}/plan.json", strictjson.canonical(body)),
        workspace.artifacts.put(f"{folder}/plan.txt", plan.text.encode()),
    )


def unknown_type(address: str) -> BadInput:
    """The refusal to plan a component whose type has no module."""
    component_type = address.partition("/")[0]
    return BadInput(
        f"{address} cannot be planned",
        why=f"the type {component_type} has no Terraform module",
        next_step=f"add components/{component_type}/main.tf",
        code="unknown-type",
        component=address,
    )
