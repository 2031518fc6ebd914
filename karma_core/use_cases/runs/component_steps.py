"""The steps of one component in a run: plan, apply, propagate, reload.

Each is one call with no hidden order: what a step leaves for the next is kept by it. A component's own
failure is an outcome; only what ends the whole run (a lost lease, a store that cannot be written) is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from karma_core.errors import KarmaError, StaleLease, StoreError
from karma_core.needs import Running
from karma_core.outcomes import End
from karma_core.plan.shown import Shown
from karma_core.plan.steps import APPLY, PLAN, PROPAGATE, RELOAD
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.runs.apply_step import ApplyStep
from karma_core.use_cases.runs.component_ends import ComponentEnds
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.plan_step import PlanStep
from karma_core.use_cases.runs.propagate_step import PropagateStep
from karma_core.use_cases.runs.reload_step import ReloadStep
from karma_core.use_cases.runs.runtime_writing import RuntimeWriter
from karma_core.use_cases.runs.step_context import Left, StepContext
from karma_core.walk import Result


class ComponentSteps:
    """Carries out the steps of every component of one run, from several threads.

    `unfinished` says how an earlier attempt at this run left a component, `begun_at` when it began. `ends`
    has the components' outcomes, `findings` what the applies have shown.
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
        run = StepContext(
            workspace=workspace,
            fleet=fleet,
            decider=decider,
            recorder=recorder,
            runtimes=RuntimeWriter(workspace, fleet, recorder, run_id),
            run_id=run_id,
            shown=shown,
            unfinished=unfinished or {},
        )
        self._run = run
        self.findings = run.findings
        self._workspace = workspace
        self._heartbeat = heartbeat
        self.ends = ComponentEnds(run)
        self._propagate = PropagateStep(run, self.ends)
        self._plan = PlanStep(run, self.ends, self._propagate, begun_at)
        self._apply = ApplyStep(run, self.ends, self._plan)
        self._reload = ReloadStep(run, self.ends)

    def call(self, address: str, step: str) -> Callable[[], Result]:
        """The call for one step."""
        steps: dict[str, Callable[[], Result]] = {
            PLAN: lambda: self._plan.plan(address),
            APPLY: lambda: self._apply.apply(address),
            PROPAGATE: lambda: self._propagate.propagate(address, self._apply.applied.pop(address)),
            RELOAD: lambda: self._reload.reload(address, self._plan.judged.pop(address)),
        }
        return lambda: self._guarded(steps[step], address, step)

    def _guarded(self, step: Callable[[], Result], address: str, name: str) -> Result:
        """Run a step; the component's own failure becomes its outcome."""
        self.ends.begin(address)
        self._heartbeat.check()
        self._workspace.say("step", {"address": address, "step": name})
        try:
            return step()
        except (StaleLease, StoreError):
            self.ends.finish(
                address, End.NOT_RUN if name == PLAN else End.FAILED, f"the run ended in its {name} step"
            )
            raise
        except KarmaError as error:
            self._run.hide_secrets(address, error)
            return self.ends.failed(address, name, error)
