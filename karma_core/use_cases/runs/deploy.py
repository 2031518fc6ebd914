"""Deploy: walk the cone in dependency order, each component judged again when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from karma_core.errors import KarmaError
from karma_core.failpoints import reach
from karma_core.graph.validate import sort_findings
from karma_core.model import to_builtins
from karma_core.needs import Context, FleetBesideGit, GraphBuilding, HasTerraform, PlanStore, Running
from karma_core.outcomes import End, Phase, RunStatus
from karma_core.plan.judge import Judgement, Verdict
from karma_core.plan.shown import DEPLOYING, Shown
from karma_core.plan.steps import PLAN
from karma_core.records import Run
from karma_core.use_cases import leasing
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.pins import moved_on, pin, pinned
from karma_core.use_cases.graph import build
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.breaking import has_working_consumers, refuse_breaking
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.plans.planner import plan_components
from karma_core.use_cases.plans.stored import as_shown, load_plan, require_published, require_shown
from karma_core.use_cases.runs.component_steps import ComponentSteps
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.records import CHANGE, FLOW_RUN, Outcome, RunResult
from karma_core.use_cases.runs.resume import (
    Progress,
    close_dead_runs,
    find_run,
    how_to_go_on,
    progress_of,
    take_over,
)
from karma_core.use_cases.selection.naming import is_excluded
from karma_core.use_cases.selection.not_selected import left_out
from karma_core.use_cases.selection.record import Selection, require_selection
from karma_core.use_cases.selection.selecting import choose
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
                self._steps.done_before(address, status)

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
        """Every component is judged and planned first."""
        del address
        return PLAN

    def step(self, address: str, step: str) -> Step:
        """The call for a step."""
        return self._steps.call(address, step)

    def interrupted(self) -> None:
        """Let the running Terraforms save their state and end."""
        self._steps.interrupted = True
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
                self._steps.left_behind(address, walk.blocked[address])

    # -- the end --------------------------------------------------------------------------------------

    def finish(self, error: BaseException | None = None) -> RunResult:
        """Close the run in journal and log, publish the new graph, and say how every component ended."""
        result = self.result(error)
        ended = replace(self._run, status=result.status, finished_at=self._workspace.now())
        self._workspace.state.put_run(ended)
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
        """Every chosen component with its outcome; those never reached are `not_run`."""
        outcomes = dict(self._steps.outcomes)
        for address in self.blocked.keys() - outcomes.keys():
            reason = self.blocked[address]
            outcomes[address] = Outcome(address=address, status=End.BLOCKED, reason=reason)
        for address in self.chosen - outcomes.keys():
            outcomes[address] = Outcome(address=address, status=End.NOT_RUN, reason="the run ended before it")
        return RunResult(
            run_id=self._run.id,
            status=_status(outcomes.values(), error),
            components=tuple(outcomes[a] for a in sorted(outcomes)),
            warnings=tuple(_warnings(self._fleet, self.chosen, _selection_of(self._run))),
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
    return msgspec.convert(run.options.get("selection", {}), Selection)


def _warnings(fleet: Fleet, chosen: set[str], selection: Selection) -> list[str]:
    """Producers outside the run whose deployment is stale: their current runtimes were used."""
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


def deploy(
    workspace: Running,
    selection: Selection,
    open_executor: OpenExecutor,
    *,
    plan_id: str | None = None,
    allow_blocked: bool = False,
) -> RunResult:
    """Deploy a selection, exactly as a shown plan says where one is given.

    Where nothing has to be done, no run is started and nothing is written. Refused `would-break`, before
    anything is applied, where that would leave a consumer blocked that works today, unless `allow_blocked`.
    What ended the run early is raised after everything that happened has been recorded.
    """
    shown = _shown(workspace, plan_id, allow_blocked=allow_blocked)
    require_selection(selection)
    check_binding(workspace)
    fleet, _ = build.refresh(workspace)
    choice = choose(workspace, fleet, selection)
    chosen = set(choice.addresses)
    if shown is not None:
        require_shown(shown, chosen, DEPLOYING)
    dead_runs = (how_to_go_on(dead) for dead in close_dead_runs(workspace))
    warnings = (*dead_runs, *left_out(fleet, selection, choice))
    decisions = _decisions(fleet, chosen)
    at_rest = _at_rest(workspace, decisions)
    if at_rest is not None:
        return replace(at_rest, warnings=warnings)
    pins = pin(workspace, fleet, chosen)
    options = {
        "selection": to_builtins(selection),
        "plan": plan_id,
        "allow_blocked": allow_blocked,
        "pins": to_builtins(pins),
        CHANGE: workspace.actor.change_id,
        FLOW_RUN: workspace.actor.flow_run,
    }
    with leasing.held(workspace, _lease_names(pins.touched), wait_seconds=0) as heartbeat:
        if shown is None and _may_break(fleet, decisions):
            shown = _look_ahead(workspace, fleet, chosen, allow_blocked=allow_blocked)
        run = Run(
            id=workspace.new_id(),
            environment=workspace.name,
            kind="deploy",
            status=RunStatus.RUNNING,
            targets=selection.targets,
            started_at=workspace.now(),
            holder=heartbeat.lease.holder,
            user=workspace.actor.user,
            options=options,
        )
        deployment = Deployment(workspace, fleet, run, heartbeat, chosen, shown=shown)
        result = _carry_out(deployment, open_executor, workspace)
    return replace(result, warnings=(*warnings, *result.warnings))


def _shown(workspace: PlanStore, plan_id: str | None, *, allow_blocked: bool) -> Shown | None:
    """The stored plan that a deploy was ordered to follow."""
    if plan_id is None:
        return None
    require_published(workspace, plan_id)
    plan = load_plan(workspace, plan_id)[0]
    refuse_breaking(plan.findings, allow_blocked=allow_blocked)
    return as_shown(plan)


def _may_break(fleet: Fleet, decisions: Iterable[Judgement]) -> bool:
    """Whether something that is deployed depends on what will be applied: then the cone is planned first."""
    return has_working_consumers(fleet, (j.address for j in decisions if j.verdict is Verdict.RUN))


def _look_ahead(workspace: HasTerraform, fleet: Fleet, chosen: set[str], *, allow_blocked: bool) -> Shown:
    """A plan of the whole cone that nobody was shown: what is blocked by it is left alone."""
    planned = plan_components(workspace, fleet, chosen)
    fleet.values.forget_plans()
    refuse_breaking(sort_findings(planned.findings), allow_blocked=allow_blocked)
    return Shown(plan_id="", components=planned.components, approved=False)


def resume(
    workspace: Running, run_id: str, open_executor: OpenExecutor, *, plan_id: str | None = None
) -> RunResult:
    """Take up a run that ended early: only what it left undone, with the versions that it began with.

    `plan_id` is a plan of what is left; else the run is held against the plan that it began with, if any.
    """
    run = find_run(workspace, run_id)
    check_binding(workspace)
    pins = pinned(run)
    plan_id = plan_id or run.options.get("plan")
    shown = _shown(workspace, plan_id, allow_blocked=bool(run.options.get("allow_blocked")))
    # Alive from now on: reading a large fleet may take longer than a lease.
    with Heartbeat(workspace, take_over(workspace, run, _lease_names(pins.touched))) as heartbeat:
        fleet = build.read_fleet(workspace, pins=pins)
        chosen = {a for a in pins.configs if a in fleet.graph and fleet[a].config is not None}
        before = progress_of(workspace.state.entries(run_id=run_id))
        options = {**run.options, FLOW_RUN: workspace.actor.flow_run}
        again = replace(
            run, status=RunStatus.RUNNING, holder=heartbeat.lease.holder, finished_at="", options=options
        )
        warnings = moved_on(workspace, pins)
        deployment = Deployment(workspace, fleet, again, heartbeat, chosen, shown=shown, before=before)
        result = _carry_out(deployment, open_executor, workspace)
    return replace(result, warnings=(*warnings, *result.warnings))


def _lease_names(addresses: Iterable[str]) -> list[str]:
    return [leasing.component_lease(address) for address in sorted(addresses)]


def _carry_out(deployment: Deployment, open_executor: OpenExecutor, workspace: Context) -> RunResult:
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


def idle(workspace: FleetBesideGit, selection: Selection) -> RunResult | None:
    """The result where a deploy would find nothing to do, without starting a run; None otherwise."""
    require_selection(selection)
    check_binding(workspace)
    fleet = build.read_fleet(workspace)
    if not any(loaded.config for loaded in fleet.inventory.components.values()):
        return None  # an environment without configs may be one whose prefix was changed: the build tells
    choice = choose(workspace, fleet, selection)
    result = nothing_to_do(workspace, fleet, set(choice.addresses))
    return replace(result, warnings=tuple(left_out(fleet, selection, choice))) if result else None


def nothing_to_do(workspace: Context, fleet: Fleet, chosen: set[str]) -> RunResult | None:
    """The result of a run over components that are all as they should be; None if any is not."""
    return _at_rest(workspace, _decisions(fleet, chosen))


def _decisions(fleet: Fleet, chosen: set[str]) -> list[Judgement]:
    """What is to be done with each chosen component before anything has changed, sorted by address."""
    decider = Decider(fleet, chosen, "")
    return [decider.decide(address) for address in sorted(chosen)]


def _at_rest(workspace: Context, decisions: Sequence[Judgement]) -> RunResult | None:
    if any(judgement.verdict is not Verdict.UNCHANGED for judgement in decisions):
        return None
    outcomes = tuple(Outcome(address=j.address, status=End.UNCHANGED, reason=j.reason) for j in decisions)
    return RunResult(run_id=workspace.new_id(), status=RunStatus.SUCCEEDED, components=outcomes)


def rebuild(workspace: GraphBuilding) -> tuple[str, ...]:
    """Publish the graph after a run; what goes wrong is a warning, because the run itself is done."""
    try:
        result = build.build_graph(workspace)
    except KarmaError as error:
        return (f"the graph was not rebuilt: {error.what}; run `karma graph build`",)
    return ("the graph has errors; see `karma graph validate`",) if result.status == "invalid" else ()
