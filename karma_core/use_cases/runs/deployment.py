"""One deploy at work: the walk over its components, and the run that it writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from karma_core.decoding import convert
from karma_core.errors import KarmaError
from karma_core.failpoints import reach
from karma_core.graph.validate import sort_findings
from karma_core.needs import Context, GraphBuilding, Running
from karma_core.outcomes import End, Phase, RunStatus
from karma_core.plan.shown import Shown
from karma_core.plan.steps import PLAN
from karma_core.records import Run
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph import build
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.runs.component_steps import ComponentSteps
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.records import Outcome, RunResult
from karma_core.use_cases.runs.resume import Progress
from karma_core.use_cases.selection.naming import is_excluded
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import Driver, Executor, Step, Walk

OpenExecutor = Callable[[int], Any]
"""Gives a context manager of an Executor for that many components at once."""
NOTHING_CAME_BEFORE = Progress(done={}, unfinished={})


class Deployment:
    """One deploy, from its selection to its result, while `heartbeat` keeps its lease alive.

    `begin` writes the run down, `run` walks, `finish` closes the run and rebuilds the graph.
    """

    def __init__(
        self,
        workspace: Running,
        fleet: Fleet,
        run: Run,
        heartbeat: Heartbeat,
        chosen: set[str],
        *,
        shown: Shown | None = None,
        before: Progress = NOTHING_CAME_BEFORE,
    ) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._run = run
        self._before = before
        self.chosen = chosen
        decider = Decider(fleet, chosen, "was applied", applied=workspace.state.applied)
        self.blocked = {address: block.reason for address, block in decider.blocked.items()}
        if shown is not None:
            self.blocked |= {a: shown.components[a].reason for a in chosen & shown.blocked}
        self._recorder = Recorder(workspace, run, None)
        self._steps = ComponentSteps(
            workspace,
            fleet,
            decider,
            self._recorder,
            heartbeat,
            run_id=run.id,
            shown=shown,
            unfinished=before.unfinished,
            begun_at=run.started_at if before is not NOTHING_CAME_BEFORE else None,
        )
        for address, status in before.done.items():
            if address in chosen:
                self._steps.ends.done_before(address, status)

    def begin(self) -> None:
        """Write the run and its first event."""
        self._workspace.state.put_run(self._run)
        resumed = bool(self._before.done or self._before.unfinished)
        inputs = {
            "targets": list(self._run.targets),
            "components": len(self.chosen),
            "plan": self._run.options.get("plan"),
            "allow_blocked": bool(self._run.options.get("allow_blocked")),
            "resumed": resumed,
            "flow_run": self._workspace.actor.flow_run,
        }
        self._recorder.root = self._recorder.log("deploy", Phase.STARTED, inputs=inputs)
        self._workspace.say("run", {"run_id": self._run.id, "components": len(self.chosen)})
        reach("deploy.after_start")

    # -- the walk's Work --------------------------------------------------------------------------------

    def first_step(self, address: str) -> str:
        """Return the first step of every component: evaluate and plan."""
        del address
        return PLAN

    def step(self, address: str, step: str) -> Step:
        """Return the call for a step."""
        return self._steps.call(address, step)

    def interrupted(self) -> None:
        """Stop the running Terraform processes, letting them save their state."""
        self._steps.ends.interrupted = True
        self._workspace.terraform.stop()

    def run(self, executor: Executor) -> None:
        """Walk all chosen components that are not blocked and that no earlier attempt has finished."""
        fleet = self._fleet
        members = self.chosen - self.blocked.keys() - self._before.done.keys()
        producers = {a: fleet.waits_for(a) for a in members}
        heights = fleet.graph.heights(members)
        walk = Walk(producers, heights)
        try:
            Driver(walk, self, executor, producers).run(self._workspace.environment.parallelism)
        finally:
            for address in sorted(walk.blocked, key=lambda a: (-heights[a], a)):
                self._steps.ends.left_behind(address, walk.blocked[address])

    # -- the end --------------------------------------------------------------------------------------

    def finish(self, error: BaseException | None = None) -> RunResult:
        """Close the run in journal and log, publish the new graph, and say how every component ended."""
        result = self.result(error)
        ended = replace(self._run, status=result.status, finished_at=self._workspace.now())
        self._workspace.state.put_run(ended)
        result = replace(result, warnings=(*result.warnings, *heights.note(self._workspace)))
        counts: dict[str, int] = {}
        for outcome in result.components:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        self._recorder.log("deploy", result.status, inputs={"components": counts})
        if any(
            o.status not in {End.UNCHANGED, End.CUT_OFF, End.BLOCKED, End.NOT_RUN} for o in result.components
        ):
            result = replace(result, warnings=(*result.warnings, *rebuild(self._workspace)))
        return result

    def result(self, error: BaseException | None) -> RunResult:
        """Return every chosen component with its outcome; those never reached are `not_run`."""
        outcomes = dict(self._steps.ends.outcomes)
        for address in self.blocked.keys() - outcomes.keys():
            reason = self.blocked[address]
            outcomes[address] = Outcome(address=address, status=End.BLOCKED, reason=reason)
        for address in self.chosen - outcomes.keys():
            outcomes[address] = Outcome(address=address, status=End.NOT_RUN, reason="the run ended before it")
        return RunResult(
            run_id=self._run.id,
            status=_status(outcomes.values(), error),
            components=tuple(outcomes[a] for a in sorted(outcomes)),
            warnings=(
                *_warnings(self._fleet, self.chosen, _selection_of(self._run)),
                *(f"{f.component}: {f.code}: {f.message}" for f in sort_findings(self._steps.findings)),
            ),
        )


def _status(outcomes: Iterable[Outcome], error: BaseException | None) -> RunStatus:
    statuses = {o.status for o in outcomes}
    if error is not None and not isinstance(error, Exception):
        return RunStatus.INTERRUPTED  # KeyboardInterrupt, or what Prefect raises for SIGTERM
    if error is not None or statuses & {End.FAILED, End.INTERRUPTED}:
        return RunStatus.FAILED
    if End.BLOCKED in statuses:
        return RunStatus.BLOCKED
    return RunStatus.STOPPED if End.STOPPED in statuses else RunStatus.SUCCEEDED


def _selection_of(run: Run) -> Selection:
    """The selection that a run was started with."""
    return convert(run.options.get("selection", {}), Selection)


def _warnings(fleet: Fleet, chosen: set[str], selection: Selection) -> list[str]:
    """Return warnings about stale producers outside the run, whose current runtimes were used."""
    outside = {p for a in chosen for p in fleet.graph.producers(a)} - chosen
    stale = {n.address for n in fleet.data.nodes if n.status == "stale"}
    environment = fleet.inventory.environment
    return [
        f"{address} is stale and excluded from this run; its deployed values were used"
        if is_excluded(selection, address, environment=environment)
        else f"{address} is stale and not part of this run; its deployed values were used "
        "(--with-producers includes it)"
        for address in sorted(outside & stale)
    ]


def carry_out(deployment: Deployment, open_executor: OpenExecutor, workspace: Context) -> RunResult:
    """Begin, walk and finish a deploy; what ended it early is raised after that."""
    error: BaseException | None = None
    deployment.begin()
    try:
        with open_executor(workspace.environment.parallelism) as executor:
            deployment.run(executor)
    except BaseException as raised:  # whatever it was, the run is closed first
        error = raised
    result = deployment.finish(error)
    if isinstance(error, Exception):
        raise error
    return result


def rebuild(workspace: GraphBuilding) -> tuple[str, ...]:
    """Rebuild the graph after a run; errors become warnings, because the run itself is done."""
    try:
        result = build.build_graph(workspace)
    except KarmaError as error:
        return (f"the graph was not rebuilt: {error.what}; run `karma graph build`",)
    return ("the graph has errors; see `karma graph validate`",) if result.status == "invalid" else ()
