"""What follows an apply: the runtime is published, and consumers are judged with it from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from karma_core.errors import KarmaError, StaleLease, StoreError
from karma_core.json_types import JsonObject
from karma_core.outcomes import End, Phase
from karma_core.plan.judge import Judgement
from karma_core.plan.passed_on import passed_on_finding
from karma_core.plan.runtime import changed_keys
from karma_core.records import TerraformOutputs
from karma_core.references.state import OUTPUTS
from karma_core.use_cases.plans.decider import what_and_why
from karma_core.use_cases.runs.component_ends import ComponentEnds
from karma_core.use_cases.runs.step_context import Planned, StepContext
from karma_core.walk import Result

PUBLISH = "publish_runtime"


class PropagateStep:
    """Publishes the runtimes of a run's components."""

    def __init__(self, run: StepContext, ends: ComponentEnds) -> None:
        self._run = run
        self._ends = ends

    def propagate(self, address: str, planned: Planned) -> Result:
        """Publish the runtime and note what was applied."""
        self._run.decider.spread.move((address,))
        self.publish(address, planned)
        return self._ends.finish(address, End.APPLIED, planned.judgement.reason)

    def publish(self, address: str, planned: Planned) -> bool:
        """Publish the runtime, record the apply, log what consumers will see; whether the runtime changed."""
        self._run.publishing.add(address)
        values, lost = self._run.fleet.values, self._run.fleet.lost_runtime(address)
        outputs = planned.outputs or TerraformOutputs(values={})
        try:
            before, runtime = self._run.runtimes.write(address, outputs)
            further = {one: values.stored(one) for one in self._run.fleet.written_by(address)}
        except StaleLease:
            raise
        except KarmaError as error:
            self._run.hide_secrets(address, error)
            self._not_published(planned, error)
            raise
        known = values.outputs.known(address)
        self._run.runtimes.record(planned.judgement, planned.generation, PUBLISH, outputs=planned.outputs)
        values.learn(address, runtime)
        self._learn_written(address, further)
        changed = [*changed_keys(before, runtime), *self._changed_outputs(address, known)]
        if not changed and not lost and planned.plan.action == "no-op":
            return before is None
        passed = self._run.runtimes.passed_on(address, outputs, runtime)
        self._log(address, changed, planned.cause, lost=lost, passed_on=passed)
        return True

    def _changed_outputs(self, address: str, before: Mapping[str, str] | None) -> list[str]:
        """The outputs that have changed, as keys of those who read the component's state, if any do."""
        values, fleet = self._run.fleet.values, self._run.fleet
        now = values.outputs.known(address) or {}
        if before is None or not fleet.is_read_by_state(address):
            return []
        return [f"{OUTPUTS}.{n}" for n in sorted(now.keys() | before.keys()) if now.get(n) != before.get(n)]

    def publish_again(self, judgement: Judgement) -> Result:
        """Publish the runtime that is gone from the outputs in the state; Terraform applies nothing."""
        address = judgement.address
        outputs, runtime = self.write_again(address)
        generation = self._run.generation(address)
        self._run.runtimes.record(judgement, generation, PUBLISH, outputs=outputs)
        self._run.fleet.values.learn(address, runtime)
        self._log(address, [], self._run.cause(address), lost=True)
        return self._ends.finish(address, End.APPLIED, judgement.reason)

    def write_again(self, address: str) -> tuple[TerraformOutputs, JsonObject]:
        """Write the runtime that is gone; (the outputs in the state, which must be the applied one, it)."""
        run = self._run
        run.check_state(address)
        outputs = run.workspace.terraform.outputs(run.fleet.job(address, run.fleet.module(address)))
        run.publishing.add(address)
        return outputs, run.runtimes.write_again(address, outputs)

    def _log(
        self,
        address: str,
        changed: list[str],
        cause: str | None,
        *,
        lost: bool,
        passed_on: Sequence[str] = (),
    ) -> None:
        """Say what consumers will see; `lost`: the runtime was gone.

        `passed_on` are keys with a secret of the component's inputs: a warning of the run names them, too.
        """
        consumers = list(self._run.fleet.graph.consumers(address))
        inputs: JsonObject = {"changed": changed, "consumers": consumers} | ({"lost": True} if lost else {})
        if passed_on:
            by_module = self._run.fleet.module_writes(address)
            self._run.findings.append(passed_on_finding(address, passed_on, by_module=by_module))
            inputs["passed_on"] = list(passed_on)
        self._run.published[address] = self._run.recorder.log(
            "runtime_publish", Phase.SUCCEEDED, address, inputs=inputs, cause=cause
        )

    def _not_published(self, planned: Planned, error: KarmaError) -> None:
        """Note durably that the apply went through and its runtime was not published: it runs again."""
        judgement, generation = planned.judgement, planned.generation
        record = self._run.runtimes.failed(judgement, generation, unpublished=what_and_why(error))
        with suppress(StoreError):  # then the journal says that the apply went through, and no more
            self._run.recorder.journal(
                judgement.address, generation, PUBLISH, Phase.FAILED, applied=record, error=error.document()
            )

    def _learn_written(self, address: str, further: Mapping[str, JsonObject | None]) -> None:
        """Further runtimes that the component's module wrote are as they were read after its apply."""
        for written, runtime in further.items():
            self._run.fleet.values.learn(written, runtime)
            if self._run.decider.spread.moved(address):
                self._run.decider.spread.move((written,))
