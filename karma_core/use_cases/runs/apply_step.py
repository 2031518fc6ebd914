"""The apply step: the plan is applied, with intent and outcome in journal and log."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from karma_core.errors import DeployFailed
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject
from karma_core.outcomes import Phase
from karma_core.plan.checks import check_failed
from karma_core.plan.steps import APPLY, PROPAGATE
from karma_core.plan.unseen import MAYBE_CREATED
from karma_core.records import Applied
from karma_core.use_cases.fleet import creations
from karma_core.use_cases.runs.component_ends import ComponentEnds
from karma_core.use_cases.runs.plan_step import PlanStep
from karma_core.use_cases.runs.runtime_writing import keep_plan
from karma_core.use_cases.runs.step_context import Planned, StepContext
from karma_core.walk import Result

PLAN_LOST: Final = frozenset({"plan-expired", "stale-plan"})
"""Codes of a saved plan that cannot be applied any more: the component is re-planned."""


class ApplyStep:
    """Applies the plans of a run's components. `applied` is what it leaves for their propagation."""

    def __init__(self, run: StepContext, ends: ComponentEnds, planning: PlanStep) -> None:
        self._run = run
        self._ends = ends
        self._planning = planning
        self.applied: dict[str, Planned] = {}

    def apply(self, address: str) -> Result:
        """Apply the plan, with intent and outcome in journal and log."""
        planned = self._planning.planned.pop(address)
        intent = self._intend(address, planned)
        reach("deploy.before_apply")
        try:
            outputs = self._run.workspace.terraform.apply(planned.job, planned.plan)
        except DeployFailed as error:
            self._run.hide_secrets(address, error)
            if error.code in PLAN_LOST and not self._ends.interrupted:
                return self._plan_again(address, planned, intent, error)
            return self._apply_failed(address, planned, intent, error)
        reach("deploy.after_apply")
        self._run.recorder.journal(address, planned.generation, APPLY, Phase.SUCCEEDED)
        creations.note_ended(self._run.workspace, address)
        reach("deploy.before_outcome")
        after = planned.judgement.inputs.fingerprint
        self._run.findings.extend(check_failed(address, said) for said in outputs.checks)
        inputs: JsonObject = {"checks": list(outputs.checks)} if outputs.checks else {}
        done = self._run.recorder.log(
            "terraform_apply", Phase.SUCCEEDED, address, inputs=inputs, after=after, cause=intent
        )
        self.applied[address] = replace(planned, outputs=outputs, cause=done)
        return Result(next_step=PROPAGATE)

    def _intend(self, address: str, planned: Planned) -> str:
        """Log and journal the intent before the apply; returns the event's id."""
        detail: JsonObject = {
            "action": planned.plan.action,
            "reason": planned.judgement.reason,
            "add": planned.plan.add,
            "change": planned.plan.change,
            "destroy": planned.plan.destroy,
        }
        besides = {"import": planned.plan.to_import, "forget": planned.plan.to_forget}
        detail |= {name: count for name, count in besides.items() if count}
        kept = keep_plan(self._run.workspace, self._run.run_id, planned.plan)
        self._run.recorder.journal(
            address,
            planned.generation,
            APPLY,
            Phase.STARTED,
            applied=self._begun(address, self._run.run_id),
            **detail,
        )
        creations.note_begun(self._run.workspace, self._run.run_id, planned.plan)
        reach("deploy.after_intent")
        config = self._run.fleet[address].config
        version = config.parameter.version if config else None
        inputs = {**detail, "generation": planned.generation, "config_version": version}
        return self._run.recorder.log(
            "terraform_apply", Phase.STARTED, address, inputs=inputs, artifacts=kept, cause=planned.cause
        )

    def _begun(self, address: str, run_id: str) -> Applied | None:
        """The record with the run that has begun to change the component; None where there is no record."""
        record = self._run.workspace.state.applied(address)
        return replace(record, begun=run_id) if record is not None else None

    def _plan_again(self, address: str, planned: Planned, intent: str, lost: DeployFailed) -> Result:
        """Re-plan a component whose saved plan cannot be applied, and compare with the shown plan."""
        creations.note_ended(self._run.workspace, address)
        self._run.recorder.journal(
            address,
            planned.generation,
            APPLY,
            Phase.REFUSED,
            applied=self._begun(address, ""),
            reason=lost.code,
        )
        self._run.recorder.log(
            "terraform_apply", Phase.REFUSED, address, inputs={"error": lost.document()}, cause=intent
        )
        return self._planning.go_on(
            address, replace(planned, plan=self._run.workspace.terraform.plan(planned.job))
        )

    def _apply_failed(self, address: str, planned: Planned, intent: str, error: DeployFailed) -> Result:
        record = self._run.runtimes.failed(planned.judgement, planned.generation)
        document = error.document()
        if error.code != MAYBE_CREATED:
            creations.note_ended(self._run.workspace, address)
        self._run.recorder.journal(
            address, planned.generation, APPLY, Phase.FAILED, applied=record, error=document
        )
        status = Phase.INTERRUPTED if self._ends.interrupted else Phase.FAILED
        self._run.recorder.log("terraform_apply", status, address, inputs={"error": document}, cause=intent)
        return self._ends.ended_by(address, error)
