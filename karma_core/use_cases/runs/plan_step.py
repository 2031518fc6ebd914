"""The plan step: a component is judged with the values of now and, if it has to run, planned."""

from __future__ import annotations

from msgspec.structs import replace

from karma_core.outcomes import End, Phase
from karma_core.plan.judge import ADOPTED, Judgement, Verdict
from karma_core.plan.steps import APPLY, RELOAD
from karma_core.records import TerraformPlan
from karma_core.use_cases.plans.runtime_plan import check_runtimes, is_adopted, is_due_again
from karma_core.use_cases.runs.component_ends import ComponentEnds
from karma_core.use_cases.runs.moving import move_component
from karma_core.use_cases.runs.propagate_step import PropagateStep
from karma_core.use_cases.runs.recovery import recover_state
from karma_core.use_cases.runs.step_context import AT_REST, Planned, StepContext
from karma_core.use_cases.runs.unlocking import Unlocker
from karma_core.walk import Result


class PlanStep:
    """Plans the components of a run. `planned` is left for their apply, `judged` for their reload."""

    def __init__(
        self, run: StepContext, ends: ComponentEnds, propagation: PropagateStep, begun_at: str | None
    ) -> None:
        self._run = run
        self._ends = ends
        self._propagation = propagation
        self._unlocker = Unlocker(run.workspace, run.recorder, begun_at)
        self._moved_here: set[str] = set()
        self.planned: dict[str, Planned] = {}
        self.judged: dict[str, Judgement] = {}

    def plan(self, address: str) -> Result:
        """Evaluate the component with the current values and, if it has to run, plan it."""
        judgement = self._run.decider.decide(address)
        if judgement.verdict is Verdict.PUBLISH:
            return self._propagation.publish_again(judgement)
        if judgement.verdict in AT_REST:
            return self._ends.finish(address, End(judgement.verdict), judgement.reason)
        if judgement.verdict is Verdict.RELOAD:
            if self._run.fleet.lost_runtime(address) and not self._run.fleet.module_writes(address):
                self._propagation.write_again(address)
            self.judged[address] = judgement
            return Result(next_step=RELOAD)
        if judgement.verdict is Verdict.RECORD:
            self._run.runtimes.record(judgement, self._run.generation(address), "record")
            return self._ends.finish(address, End.UNCHANGED, judgement.reason)
        return self._plan_terraform(address, judgement)

    def _plan_terraform(self, address: str, judgement: Judgement) -> Result:
        self._run.check_state(address)
        module = self._run.fleet.module(address)
        self._run.fleet.check_config(address)
        job = self._run.fleet.job(address, module)
        generation = self._run.generation(address)
        taken = move_component(self._run.workspace, self._run.fleet, self._run.recorder, job, generation)
        if taken is not None:
            judgement = replace(judgement, reason=f"moved from {job.state_of}; {judgement.reason}")
            job = replace(job, state_of="")
            self._moved_here.add(address)
        recovered = recover_state(self._run.workspace, self._run.recorder, job, generation)
        cause = recovered or taken or self._run.cause(address)
        kept = None if recovered or taken else self._kept(address, judgement)
        planned = Planned(
            judgement=judgement,
            generation=generation,
            job=job,
            plan=kept or self._unlocker.plan(job, generation),
            cause=cause,
        )
        return self.go_on(address, planned)

    def _kept(self, address: str, judgement: Judgement) -> TerraformPlan | None:
        """Return the shown plan if it is still valid; a component that was begun before is re-planned."""
        if self._run.shown is None or address in self._run.unfinished:
            return None
        return self._run.shown.saved_plan(address, judgement.inputs.fingerprint)

    def go_on(self, address: str, planned: Planned) -> Result:
        """Go on with a plan: to its apply, to its end where it changes nothing, or stop for approval."""
        plan = planned.plan
        if not is_due_again(plan, self._run.decider.applied(address)):
            check_runtimes(self._run.fleet, address, plan)
        beyond = self._beyond_what_was_shown(address, planned)
        if beyond:
            return self._ends.finish(address, End.STOPPED, f"{beyond}; plan again and approve that")
        if plan.action == "no-op":
            return self._nothing_left(address, planned)
        if self._run.shown and not self._run.shown.expected(address):
            said = (
                f"{planned.judgement.reason}; the plan expected other values, with which it would not change"
            )
            planned = replace(planned, judgement=replace(planned.judgement, reason=said))
        self.planned[address] = planned
        return Result(next_step=APPLY)

    def _beyond_what_was_shown(self, address: str, planned: Planned) -> str:
        """Return what the new plan does beyond the shown one; empty if nothing."""
        if self._run.shown is None:
            return ""
        more = self._run.shown.exceeded_by(planned.plan, begun=address in self._run.unfinished)
        if more:
            return f"its plan destroys, replaces or forgets {', '.join(more)}, which the shown plan did not"
        return self._run.shown.unforeseen(address, planned.plan.action, planned.judgement.inputs)

    def _nothing_left(self, address: str, planned: Planned) -> Result:
        """Finish a component whose plan has no changes, completing what an earlier attempt had begun."""
        outputs = self._run.workspace.terraform.outputs(planned.job)
        planned = replace(planned, outputs=outputs)
        reason = f"{planned.judgement.reason}; its plan has no changes"
        if address in self._moved_here:
            self._run.decider.spread.move((address,))
            self._propagation.publish(address, planned)
            return self._ends.finish(address, End.APPLIED, reason)
        if address not in self._run.unfinished:
            adopted = is_adopted(self._run.workspace, address)
            lost = self._run.fleet.lost_runtime(address)
            if self._propagation.publish(address, planned) and not adopted:
                self._run.decider.spread.move((address,))
                how = "is published again" if lost else "was written"
                return self._ends.finish(address, End.APPLIED, f"{reason}; its runtime {how}")
            said = f"{planned.judgement.reason}{ADOPTED}" if adopted else reason
            return self._ends.finish(address, End.UNCHANGED, said)
        if self._run.unfinished[address].applied is False:
            self._run.recorder.journal(address, planned.generation, APPLY, Phase.SUCCEEDED, found="done")
        inputs = {"generation": planned.generation, "found": "done by the attempt that was interrupted"}
        done = self._run.recorder.log(
            "terraform_apply", Phase.SUCCEEDED, address, inputs=inputs, cause=planned.cause
        )
        self._run.decider.spread.move((address,))
        self._propagation.publish(address, replace(planned, cause=done))
        return self._ends.finish(address, End.APPLIED, "the interrupted attempt had applied it")
