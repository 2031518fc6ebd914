"""The reload step: the action of the component's type is carried out."""

from __future__ import annotations

from karma_core import documents
from karma_core.errors import DeployFailed
from karma_core.failpoints import reach
from karma_core.outcomes import End, Phase
from karma_core.plan.judge import Judgement
from karma_core.plan.steps import RELOAD
from karma_core.use_cases.runs.component_ends import ComponentEnds
from karma_core.use_cases.runs.step_context import StepContext
from karma_core.walk import Result


class ReloadStep:
    """Reloads the components of a run."""

    def __init__(self, run: StepContext, ends: ComponentEnds) -> None:
        self._run = run
        self._ends = ends

    def reload(self, address: str, judgement: Judgement) -> Result:
        """Carry out the type's reload action; at least once, under a key that stays the same."""
        action = self._run.fleet.definition(address).reload
        generation = self._run.generation(address)
        inputs = {"reason": judgement.reason, "generation": generation}
        self._run.recorder.journal(address, generation, RELOAD, Phase.STARTED, reason=judgement.reason)
        intent = self._run.recorder.log(
            "reload", Phase.STARTED, address, inputs=inputs, cause=self._run.cause(address)
        )
        self._run.fleet.learn_secrets(address)  # whatever is asked to reload may know and repeat them
        reach("deploy.before_reload")
        try:
            said = self._run.workspace.reloader.reload(
                documents.written(action) if action else {},
                address=address,
                environment=self._run.workspace.name,
                idempotency_key=f"{address}#{generation}",
            )
        except DeployFailed as error:
            self._run.hide_secrets(address, error)
            self._run.recorder.journal(address, generation, RELOAD, Phase.FAILED, error=error.document())
            self._run.recorder.log(
                "reload", Phase.FAILED, address, inputs={"error": error.document()}, cause=intent
            )
            return self._ends.ended_by(address, error)
        reach("deploy.after_reload")
        self._run.runtimes.record(judgement, generation, RELOAD)
        self._run.recorder.log("reload", Phase.SUCCEEDED, address, inputs={"said": said}, cause=intent)
        return self._ends.finish(address, End.RELOADED, judgement.reason)
