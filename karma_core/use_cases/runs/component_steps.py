"""The steps of one component in a run: plan, apply, propagate, reload.

Each is one call with no hidden order: what a step leaves for the next is in `_planned`. A component's own
failure is an outcome; only what ends the whole run (a lost lease, a store that cannot be written) is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from karma_core import documents
from karma_core.errors import DeployFailed, KarmaError, StaleLease, StoreError
from karma_core.failpoints import reach
from karma_core.model import Record
from karma_core.needs import Running
from karma_core.outcomes import End, Phase
from karma_core.plan.heights import STATE_CODES
from karma_core.plan.judge import ADOPTED, Judgement, Verdict
from karma_core.plan.runtime import changed_keys, check_size, planned_runtime
from karma_core.plan.shown import Shown
from karma_core.plan.steps import APPLY, PLAN, PROPAGATE, RELOAD
from karma_core.records import TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.states import state_error
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.decider import Decider, in_one_line
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.moving import move_component
from karma_core.use_cases.runs.records import Outcome
from karma_core.use_cases.runs.recovery import recover_state
from karma_core.use_cases.runs.runtime_writing import RuntimeWriter, keep_plan
from karma_core.use_cases.runs.unlocking import Unlocker
from karma_core.walk import Result

PUBLISH = "publish_runtime"
PLAN_LOST: Final = frozenset({"plan-expired", "stale-plan"})
"""Codes of a saved plan that cannot be applied any more: the component is planned anew."""


STOPPING: Final = frozenset({End.FAILED, End.BLOCKED, End.STOPPED, End.INTERRUPTED, End.NOT_RUN})
"""How a component ends whose consumers are not worked on."""
ENDS: Final = {
    End.STOPPED: "was stopped for approval",
    End.INTERRUPTED: "was interrupted",
    End.BLOCKED: "is blocked",
}
"""What is said of a component that ended without success, where that was no failure of its own."""
AT_REST: Final = frozenset({Verdict.UNCHANGED, Verdict.CUT_OFF})


class Left(Record, frozen=True, kw_only=True):
    """A component that an interrupted attempt had begun. `applied`: Terraform was seen to succeed."""

    generation: int
    applied: bool


class Planned(Record, frozen=True, kw_only=True):
    """What a component's plan step leaves for its apply, and that for its propagation."""

    judgement: Judgement
    generation: int
    job: TerraformJob
    plan: TerraformPlan
    cause: str | None = None
    outputs: TerraformOutputs | None = None


class ComponentSteps:
    """Carries out the steps of every component of one run, from several threads.

    `unfinished` says how an earlier attempt at this run left a component, `begun_at` when it began.
    """

    def __init__(
        self,
        workspace: Running,
        fleet: Fleet,
        decider: Decider,
        recorder: Recorder,
        heartbeat: Heartbeat,
        *,
        run_id: str,
        shown: Shown | None = None,
        unfinished: Mapping[str, Left] | None = None,
        begun_at: str | None = None,
    ) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._decider = decider
        self._spread = decider.spread
        self._recorder = recorder
        self._heartbeat = heartbeat
        self._run_id = run_id
        self._shown = shown
        self._unfinished = unfinished or {}
        self._unlocker = Unlocker(workspace, recorder, begun_at)
        self._runtimes = RuntimeWriter(workspace, fleet, recorder, run_id)
        self._planned: dict[str, Planned] = {}
        self._moved_here: set[str] = set()
        self._judged: dict[str, Judgement] = {}
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
            self.finish(
                address, End.NOT_RUN if name == PLAN else End.FAILED, f"the run ended in its {name} step"
            )
            raise
        except KarmaError as error:
            return self._failed(address, name, error)

    def finish(self, address: str, status: End, reason: str) -> Result:
        """Note how the component ended."""
        started = self._started.get(address)
        seconds = time.monotonic() - started if started is not None else 0.0
        outcome = Outcome(address=address, status=status, reason=reason, seconds=seconds)
        self.outcomes[address] = outcome
        self._workspace.say("outcome", {"address": address, "status": status, "reason": reason})
        return Result(succeeded=status not in STOPPING)

    def done_before(self, address: str, status: End) -> None:
        """An earlier attempt at this run finished the component: it is not touched again."""
        reason = "done before the run was resumed"
        self.outcomes[address] = Outcome(address=address, status=status, reason=reason)
        here = (address, *self._fleet.written_by(address))
        self._spread.reach(here)
        if status is End.APPLIED:
            self._spread.move(here)

    def left_behind(self, address: str, cause: str) -> None:
        """Finish a component that was not worked on because of another's end, in dependency order.

        It is blocked, or stopped with what was stopped. Where the plan that the run follows left it alone and
        its inputs are still those that were applied, it had nothing to wait for: it ends as the plan says.
        """
        at_rest = self._at_rest(address)
        if at_rest is not None:
            as_planned = Verdict.CUT_OFF if at_rest.verdict is Verdict.CUT_OFF else Verdict.UNCHANGED
            self.finish(address, End(as_planned), at_rest.reason)
            return
        ended = self.outcomes.get(cause)
        how = ENDS.get(ended.status, "failed") if ended else "failed"
        status = End.STOPPED if ended and ended.status is End.STOPPED else End.BLOCKED
        self.finish(address, status, f"it needs {cause}, which {how}")

    def _at_rest(self, address: str) -> Judgement | None:
        """The judgement of a component that the plan left alone, where it says the same now."""
        if self._shown is None or self._shown.expected(address):
            return None
        try:
            judgement = self._decider.decide(address)
        except KarmaError:  # it cannot be told any more: then it is not called unchanged
            return None
        return judgement if judgement.verdict in AT_REST | {Verdict.RECORD} else None

    # -- plan -----------------------------------------------------------------------------------------

    def plan(self, address: str) -> Result:
        """Judge the component with the real values of now and, if it has to run, plan it."""
        judgement = self._decider.decide(address)
        if judgement.verdict is Verdict.PUBLISH:
            return self._publish_again(judgement)
        if judgement.verdict in AT_REST:
            return self.finish(address, End(judgement.verdict), judgement.reason)
        if judgement.verdict is Verdict.RELOAD:
            if self._fleet.lost_runtime(address) and not self._fleet.module_writes(address):
                self._runtimes.write_again(address, self._outputs_of(address))
            self._judged[address] = judgement
            return Result(next_step=RELOAD)
        if judgement.verdict is Verdict.RECORD:
            self._runtimes.record(judgement, self._generation(address), "record")
            return self.finish(address, End.UNCHANGED, judgement.reason)
        return self._plan_terraform(address, judgement)

    def _publish_again(self, judgement: Judgement) -> Result:
        """Publish the runtime that is gone from the outputs in the state; Terraform applies nothing."""
        address = judgement.address
        outputs = self._outputs_of(address)
        runtime = self._runtimes.write_again(address, outputs)
        self._runtimes.record(judgement, self._generation(address), PUBLISH, state=outputs.state)
        inputs = {"lost": True, "changed": [], "consumers": list(self._fleet.graph.consumers(address))}
        self._fleet.values.learn(address, runtime)
        self._published[address] = self._recorder.log(
            "runtime_publish", Phase.SUCCEEDED, address, inputs=inputs, cause=self._cause(address)
        )
        return self.finish(address, End.APPLIED, judgement.reason)

    def _outputs_of(self, address: str) -> TerraformOutputs:
        """The outputs in the component's state, which must be the one that was applied."""
        self._check_state(address)
        return self._workspace.terraform.outputs(self._fleet.job(address, self._fleet.module(address)))

    def _check_state(self, address: str) -> None:
        """Raise `state-lost` or `state-older` where the state of now is not the one that was applied."""
        error = state_error(self._workspace, self._workspace.state.applied(address))
        if error is not None:
            raise error

    def _generation(self, address: str) -> int:
        """The generation that an earlier attempt left unfinished, else a new one."""
        left = self._unfinished.get(address)
        return left.generation if left else self._workspace.state.next_generation(address)

    def _plan_terraform(self, address: str, judgement: Judgement) -> Result:
        self._check_state(address)
        module = self._fleet.module(address)
        job = self._fleet.job(address, module)
        generation = self._generation(address)
        taken = move_component(self._workspace, self._fleet, self._recorder, job, generation)
        if taken is not None:
            judgement = replace(judgement, reason=f"moved from {job.state_of}; {judgement.reason}")
            job = replace(job, state_of="")
            self._moved_here.add(address)
        recovered = recover_state(self._workspace, self._recorder, job, generation)
        cause = recovered or taken or self._cause(address)
        kept = None if recovered or taken else self._kept(address, judgement)
        planned = Planned(
            judgement=judgement,
            generation=generation,
            job=job,
            plan=kept or self._unlocker.plan(job, generation),
            cause=cause,
        )
        return self._continue(address, planned)

    def _kept(self, address: str, judgement: Judgement) -> TerraformPlan | None:
        """The saved plan that was shown, if it still holds; what was begun before is planned anew."""
        if self._shown is None or address in self._unfinished:
            return None
        return self._shown.saved_plan(address, judgement.inputs.fingerprint)

    def _continue(self, address: str, planned: Planned) -> Result:
        """Go on with a plan: to its apply, to its end where it changes nothing, or stop for approval."""
        plan = planned.plan
        check_size(address, planned_runtime(address, plan.outputs).known)
        beyond = self._beyond_what_was_shown(address, planned)
        if beyond:
            return self.finish(address, End.STOPPED, f"{beyond}; plan again and approve that")
        if plan.action == "no-op":
            return self._nothing_left(address, planned)
        if self._shown and not self._shown.expected(address):
            said = (
                f"{planned.judgement.reason}; the plan expected other values, with which it would not change"
            )
            planned = replace(planned, judgement=replace(planned.judgement, reason=said))
        self._planned[address] = planned
        return Result(next_step=APPLY)

    def _beyond_what_was_shown(self, address: str, planned: Planned) -> str:
        """What the plan of now does that the shown one does not allow; empty where nothing."""
        if self._shown is None:
            return ""
        more = self._shown.exceeded_by(planned.plan)
        if more:
            return f"its plan destroys or replaces {', '.join(more)}, which the shown plan did not"
        return self._shown.unforeseen(address, planned.plan.action, planned.judgement.inputs)

    def _nothing_left(self, address: str, planned: Planned) -> Result:
        """A plan without changes is not applied; what an earlier attempt had begun is known to be done."""
        outputs = self._workspace.terraform.outputs(planned.job)
        planned = replace(planned, outputs=outputs)
        reason = f"{planned.judgement.reason}; its plan has no changes"
        if address in self._moved_here:
            self._spread.move((address,))
            self._publish(address, planned)
            return self.finish(address, End.APPLIED, reason)
        if address not in self._unfinished:
            adopted = self._workspace.state.applied(address) is None
            lost = self._fleet.lost_runtime(address)
            self._publish(address, planned)
            if lost:
                self._spread.move((address,))
                return self.finish(address, End.APPLIED, f"{reason}; its runtime is published again")
            said = f"{planned.judgement.reason}{ADOPTED}" if adopted else reason
            return self.finish(address, End.UNCHANGED, said)
        if self._unfinished[address].applied is False:
            self._recorder.journal(address, planned.generation, APPLY, Phase.SUCCEEDED, found="done")
        inputs = {"generation": planned.generation, "found": "done by the attempt that was interrupted"}
        done = self._recorder.log(
            "terraform_apply", Phase.SUCCEEDED, address, inputs=inputs, cause=planned.cause
        )
        self._spread.move((address,))
        self._publish(address, replace(planned, cause=done))
        return self.finish(address, End.APPLIED, "the interrupted attempt had applied it")

    def _cause(self, address: str) -> str | None:
        """The newest runtime event of a producer that moved in this run, else the run's own start."""
        found = [self._published[p] for p in self._fleet.graph.producers(address) if p in self._published]
        return max(found, default=self._recorder.root)

    # -- apply ----------------------------------------------------------------------------------------

    def apply(self, address: str) -> Result:
        """Apply the plan, with intent and outcome in journal and log."""
        planned = self._planned.pop(address)
        intent = self._intend(address, planned)
        reach("deploy.before_apply")
        try:
            outputs = self._workspace.terraform.apply(planned.job, planned.plan)
        except DeployFailed as error:
            if error.code in PLAN_LOST and not self.interrupted:
                return self._plan_again(address, planned, intent, error)
            return self._apply_failed(address, planned, intent, error)
        reach("deploy.after_apply")
        self._recorder.journal(address, planned.generation, APPLY, Phase.SUCCEEDED)
        reach("deploy.before_outcome")
        after = planned.judgement.inputs.fingerprint
        done = self._recorder.log("terraform_apply", Phase.SUCCEEDED, address, after=after, cause=intent)
        self._planned[address] = replace(planned, outputs=outputs, cause=done)
        return Result(next_step=PROPAGATE)

    def _intend(self, address: str, planned: Planned) -> str:
        """Say durably what is about to be done; the id of the event."""
        detail: dict[str, Any] = {
            "action": planned.plan.action,
            "reason": planned.judgement.reason,
            "add": planned.plan.add,
            "change": planned.plan.change,
            "destroy": planned.plan.destroy,
        }
        kept = keep_plan(self._workspace, self._run_id, planned.plan)
        self._recorder.journal(address, planned.generation, APPLY, Phase.STARTED, **detail)
        reach("deploy.after_intent")
        config = self._fleet[address].config
        version = config.parameter.version if config else None
        inputs = {**detail, "generation": planned.generation, "config_version": version}
        return self._recorder.log(
            "terraform_apply", Phase.STARTED, address, inputs=inputs, artifacts=kept, cause=planned.cause
        )

    def _plan_again(self, address: str, planned: Planned, intent: str, lost: DeployFailed) -> Result:
        """The saved plan cannot be applied, nothing was done: plan anew, hold that against the shown one."""
        self._recorder.journal(address, planned.generation, APPLY, Phase.REFUSED, reason=lost.code)
        self._recorder.log(
            "terraform_apply", Phase.REFUSED, address, inputs={"error": lost.document()}, cause=intent
        )
        return self._continue(address, replace(planned, plan=self._workspace.terraform.plan(planned.job)))

    def _apply_failed(self, address: str, planned: Planned, intent: str, error: DeployFailed) -> Result:
        record = self._runtimes.failed(planned.judgement, planned.generation)
        document = error.document()
        self._recorder.journal(
            address, planned.generation, APPLY, Phase.FAILED, applied=record, error=document
        )
        status = Phase.INTERRUPTED if self.interrupted else Phase.FAILED
        self._recorder.log("terraform_apply", status, address, inputs={"error": document}, cause=intent)
        return self._ended_by(address, error)

    # -- propagate ------------------------------------------------------------------------------------

    def propagate(self, address: str) -> Result:
        """Publish the runtime and note what was applied: consumers are judged with it from now on."""
        planned = self._planned.pop(address)
        self._spread.move((address,))
        self._publish(address, planned)
        return self.finish(address, End.APPLIED, planned.judgement.reason)

    def _publish(self, address: str, planned: Planned) -> None:
        """Publish the runtime, record the apply, log what consumers will see."""
        outputs = planned.outputs or TerraformOutputs(values={})
        before, runtime = self._runtimes.write(address, planned.job.module, outputs)
        self._runtimes.record(planned.judgement, planned.generation, PUBLISH, state=outputs.state)
        self._fleet.values.learn(address, runtime)
        self._learn_written(address)
        changed = list(changed_keys(before, runtime))
        if not changed and planned.plan.action == "no-op":
            return
        consumers = list(self._fleet.graph.consumers(address))
        inputs = {"changed": changed, "consumers": consumers}
        self._published[address] = self._recorder.log(
            "runtime_publish", Phase.SUCCEEDED, address, inputs=inputs, cause=planned.cause
        )

    def _learn_written(self, address: str) -> None:
        """Further runtimes that the component's module wrote are read as they are now."""
        values = self._fleet.values
        for written in self._fleet.written_by(address):
            values.learn(written, values.stored(written))
            if self._spread.moved(address):
                self._spread.move((written,))

    # -- reload ---------------------------------------------------------------------------------------

    def reload(self, address: str) -> Result:
        """Carry out the type's reload action; at least once, under a key that stays the same."""
        judgement = self._judged.pop(address)
        action = self._fleet.definition(address).reload
        generation = self._generation(address)
        inputs = {"reason": judgement.reason, "generation": generation}
        self._recorder.journal(address, generation, RELOAD, Phase.STARTED, reason=judgement.reason)
        intent = self._recorder.log(
            "reload", Phase.STARTED, address, inputs=inputs, cause=self._cause(address)
        )
        reach("deploy.before_reload")
        try:
            said = self._workspace.reloader.reload(
                documents.written(action) if action else {},
                address=address,
                environment=self._workspace.name,
                idempotency_key=f"{address}#{generation}",
            )
        except DeployFailed as error:
            self._recorder.journal(address, generation, RELOAD, Phase.FAILED, error=error.document())
            self._recorder.log(
                "reload", Phase.FAILED, address, inputs={"error": error.document()}, cause=intent
            )
            return self._ended_by(address, error)
        reach("deploy.after_reload")
        self._runtimes.record(judgement, generation, RELOAD)
        self._recorder.log("reload", Phase.SUCCEEDED, address, inputs={"said": said}, cause=intent)
        return self.finish(address, End.RELOADED, judgement.reason)

    # -- failure --------------------------------------------------------------------------------------

    def _failed(self, address: str, step: str, error: KarmaError) -> Result:
        """A step that failed before or after its side effect, for a reason of the component's own.

        A component that cannot even be planned is blocked, as a plan says of it. It has failed where the plan
        that the run follows foresaw that it can be planned, or where an earlier attempt had begun it.
        """
        inputs = {"step": step, "error": error.document()}
        self._recorder.log(
            f"terraform_{step}" if step == PLAN else step, Phase.FAILED, address, inputs=inputs
        )
        begun = address in self._unfinished or (self._shown is not None and self._shown.plans(address))
        blocked = step == PLAN and (not begun or error.code in STATE_CODES)
        return self._ended_by(address, error, End.BLOCKED if blocked else End.FAILED)

    def _ended_by(self, address: str, error: KarmaError, status: End = End.FAILED) -> Result:
        self._workspace.say("error", {"address": address, "error": str(error)})
        return self.finish(address, End.INTERRUPTED if self.interrupted else status, in_one_line(error))
