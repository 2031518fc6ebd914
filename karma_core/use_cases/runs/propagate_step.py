"""What follows an apply: the runtime is published, and consumers are judged with it from now on."""

from __future__ import annotations

from karma_core.outcomes import End, Phase
from karma_core.plan.runtime import changed_keys
from karma_core.records import TerraformOutputs
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

    def publish(self, address: str, planned: Planned) -> None:
        """Publish the runtime, record the apply, log what consumers will see."""
        outputs = planned.outputs or TerraformOutputs(values={})
        before, runtime = self._run.runtimes.write(address, planned.job.module, outputs)
        self._run.runtimes.record(planned.judgement, planned.generation, PUBLISH)
        self._run.fleet.values.learn(address, runtime)
        self._learn_written(address)
        changed = list(changed_keys(before, runtime))
        if not changed and planned.plan.action == "no-op":
            return
        consumers = list(self._run.fleet.graph.consumers(address))
        inputs = {"changed": changed, "consumers": consumers}
        self._run.published[address] = self._run.recorder.log(
            "runtime_publish", Phase.SUCCEEDED, address, inputs=inputs, cause=planned.cause
        )

    def _learn_written(self, address: str) -> None:
        """Read the other runtimes that the component's module wrote."""
        values = self._run.fleet.values
        for written in self._run.fleet.written_by(address):
            values.learn(written, values.stored(written))
            if self._run.decider.spread.moved(address):
                self._run.decider.spread.move((written,))
