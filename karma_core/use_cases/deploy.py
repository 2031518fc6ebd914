"""Deploy: walk the cone in dependency order, each component judged again when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from karma_core.errors import KarmaError
from karma_core.failpoints import reach
from karma_core.graph.validate import blocked
from karma_core.model import to_builtins
from karma_core.plan.judge import Verdict, judge
from karma_core.records import Lease, Run
from karma_core.use_cases import build, leasing
from karma_core.use_cases.binding import check_binding
from karma_core.use_cases.component_steps import PLAN, ComponentSteps
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.journalling import Heartbeat, Recorder
from karma_core.use_cases.runs import (
    Outcome,
    RunResult,
    Selection,
    mark_deployed,
    require_selection,
    select,
    why_blocked,
)
from karma_core.walk import Driver, Executor, Step, Walk
from karma_core.workspace import Workspace

OpenExecutor = Callable[[int], Any]
"""Gives a context manager of an Executor for that many components at once."""


class Deployment:
    """One deploy, from its selection to its result. Use it as a context manager: it holds the lease.

    Made by `prepare`; `run` walks, `finish` closes the run and rebuilds the graph.
    """

    def __init__(self, workspace: Workspace, fleet: Fleet, run: Run, lease: Lease, chosen: set[str]) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._run = run
        self.chosen = chosen
        self.stopped = blocked(fleet.findings, fleet.graph) & chosen
        self._heartbeat = Heartbeat(workspace, lease)
        self._recorder = Recorder(workspace, run, None)
        self._steps = ComponentSteps(workspace, fleet, self._recorder, self._heartbeat, run.id)

    def __enter__(self) -> Deployment:
        self._heartbeat.__enter__()
        self._workspace.state.put_run(self._run)
        self._recorder.root = self._recorder.log(
            "deploy", "started", inputs={"targets": list(self._run.targets), "components": len(self.chosen)}
        )
        reach("deploy.after_start")
        return self

    def __exit__(self, *exit_: object) -> None:
        self._heartbeat.__exit__(*exit_)

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
        """Walk all chosen components that no error stops."""
        fleet = self._fleet
        members = self.chosen - self.stopped
        producers = {a: fleet.graph.producers(a) for a in members}
        walk = Walk(producers, fleet.graph.heights(members))
        parallelism = self._workspace.environment.parallelism
        try:
            Driver(walk, self, executor, producers).run(parallelism)
        finally:
            for address, cause in walk.blocked.items():
                self._steps.finish(address, "blocked", f"it needs {cause}, which failed")

    def finish(self, error: BaseException | None = None) -> RunResult:
        """Close the run in journal and log, publish the new graph, and say how every component ended."""
        result = self.result(error)
        self._workspace.state.put_run(
            replace(self._run, status=result.status, finished_at=self._workspace.now())
        )
        counts: dict[str, int] = {}
        for outcome in result.components:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        self._recorder.log("deploy", result.status, inputs={"components": counts})
        if any(o.status not in {"unchanged", "cut_off", "blocked", "not_run"} for o in result.components):
            result = replace(result, warnings=(*result.warnings, *rebuild(self._workspace)))
        return result

    def result(self, error: BaseException | None) -> RunResult:
        """Every chosen component with its outcome; those never reached are `not_run`."""
        outcomes = dict(self._steps.outcomes)
        for address in self.stopped:
            outcomes[address] = Outcome(
                address=address, status="blocked", reason=why_blocked(self._fleet, address)
            )
        for address in self.chosen - outcomes.keys():
            outcomes[address] = Outcome(address=address, status="not_run", reason="the run ended before it")
        return RunResult(
            run_id=self._run.id,
            status=_status(outcomes.values(), error),
            components=tuple(outcomes[a] for a in sorted(outcomes)),
            warnings=tuple(_warnings(self._fleet, self.chosen)),
        )


def _status(outcomes: Iterable[Outcome], error: BaseException | None) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    statuses = {o.status for o in outcomes}
    if error is not None or statuses & {"failed", "blocked", "interrupted"}:
        return "failed"
    return "stopped" if "stopped" in statuses else "succeeded"


def _warnings(fleet: Fleet, chosen: set[str]) -> list[str]:
    """Producers outside the run whose deployment is stale: their current runtimes were used."""
    outside = {p for a in chosen for p in fleet.graph.producers(a)} - chosen
    stale = {n.address for n in fleet.data.nodes if n.status == "stale"}
    return [
        f"{address} is stale and not part of this run; its current runtime was used (--with-producers)"
        for address in sorted(outside & stale)
    ]


def prepare(workspace: Workspace, fleet: Fleet, selection: Selection, chosen: set[str]) -> Deployment:
    """Take the chosen components' lease and make the run."""
    lease = leasing.wait_for(workspace, [leasing.component_lease(a) for a in sorted(chosen)], wait_seconds=0)
    run = Run(
        id=workspace.new_id(),
        environment=workspace.name,
        kind="deploy",
        status="running",
        targets=selection.targets,
        started_at=workspace.now(),
        holder=lease.holder,
        user=workspace.actor.user,
        options=to_builtins(selection),
    )
    return Deployment(workspace, fleet, run, lease, chosen)


def deploy(workspace: Workspace, selection: Selection, open_executor: OpenExecutor) -> RunResult:
    """Deploy the selection. What ended the run early is raised after everything that happened is recorded.

    Where nothing has to be done, no run is started and nothing is written.
    """
    require_selection(selection)
    check_binding(workspace)
    fleet, _ = build.refresh(workspace)
    chosen = select(workspace, fleet, selection)
    at_rest = nothing_to_do(workspace, fleet, chosen)
    if at_rest is not None:
        mark_deployed(workspace, selection)
        return at_rest
    with prepare(workspace, fleet, selection, chosen) as deployment:
        error: BaseException | None = None
        try:
            with open_executor(workspace.environment.parallelism) as executor:
                deployment.run(executor)
        except BaseException as raised:  # whatever it was, the run is closed first
            error = raised
        result = deployment.finish(error)
    if error is not None and not isinstance(error, KeyboardInterrupt):
        raise error
    if result.status == "succeeded":
        mark_deployed(workspace, selection)
    return result


def idle(workspace: Workspace, selection: Selection) -> RunResult | None:
    """The result where a deploy would find nothing to do, without starting a run; None otherwise."""
    require_selection(selection)
    check_binding(workspace)
    fleet = build.read_fleet(workspace)
    return nothing_to_do(workspace, fleet, select(workspace, fleet, selection))


def nothing_to_do(workspace: Workspace, fleet: Fleet, chosen: set[str]) -> RunResult | None:
    """The result of a run over components that are all as they should be; None if any is not."""
    if blocked(fleet.findings, fleet.graph) & chosen:
        return None
    outcomes = []
    for address in sorted(chosen):
        loaded = fleet[address]
        judged = judge(address, fleet.inputs(address), loaded.applied, fleet.definition(address), {})
        if judged.verdict is not Verdict.UNCHANGED:
            return None
        outcomes.append(Outcome(address=address, status="unchanged", reason=judged.reason))
    return RunResult(run_id=workspace.new_id(), status="succeeded", components=tuple(outcomes))


def rebuild(workspace: Workspace) -> tuple[str, ...]:
    """Publish the graph after a run; what goes wrong is a warning, because the run itself is done."""
    try:
        result = build.build_graph(workspace)
    except KarmaError as error:
        return (f"the graph was not rebuilt: {error.what}; run `karma graph build`",)
    return ("the graph has errors; see `karma graph validate`",) if result.status == "invalid" else ()
