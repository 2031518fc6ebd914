"""Deploy: walk the cone in dependency order, each component judged again when its turn comes.

What decides is read under the leases of what is worked on. A first reading, without them, says which those
are; where anything has moved until they are held, all is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Final

from msgspec.structs import replace

from karma_core.errors import Conflict
from karma_core.failpoints import reach
from karma_core.graph.validate import sort_findings
from karma_core.model import to_builtins
from karma_core.needs import (
    ComponentPlanning,
    Context,
    HasState,
    Planning,
    PlanStore,
    Running,
)
from karma_core.outcomes import End, RunStatus
from karma_core.plan.judge import Judgement, Verdict
from karma_core.plan.shown import DEPLOYING, Shown
from karma_core.records import Run
from karma_core.use_cases import leasing
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.pins import moved_on, pin, pinned
from karma_core.use_cases.fleet.states import check_states
from karma_core.use_cases.graph import build
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.breaking import has_working_consumers, refuse_breaking
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.plans.planner import plan_components
from karma_core.use_cases.plans.static_faults import any_invalid
from karma_core.use_cases.plans.stored import as_shown, load_plan, require_published, require_shown
from karma_core.use_cases.runs.deployment import Deployment, OpenExecutor, carry_out
from karma_core.use_cases.runs.records import CHANGE, FLOW_RUN, FORMER_FLOW_RUNS, Outcome, RunResult
from karma_core.use_cases.runs.resume import (
    close_dead_runs,
    find_run,
    former_flow_runs,
    how_to_go_on,
    progress_of,
    take_over,
)
from karma_core.use_cases.selection.not_selected import left_out
from karma_core.use_cases.selection.record import Selection, require_selection
from karma_core.use_cases.selection.selecting import Choice, choose

READINGS: Final = 5
"""How often a deploy reads anew, because more is to be worked on than it has leases for. Ours: each time
somebody has changed the cone in the instant before the leases were held."""


class _Reading:
    """What a selection means in the environment as it was read, and what is to be done about it.

    `token` is from before the reading; empty where a store cannot tell its revision.
    """

    def __init__(self, workspace: Running, selection: Selection, shown: Shown | None) -> None:
        self.token = build.inputs_token(workspace)
        fleet, _ = build.refresh(workspace)
        self.choice: Choice = choose(workspace, fleet, selection)
        self.chosen = set(self.choice.addresses)
        if not self.chosen:
            heights.require_level(workspace)
        self.fleet = check_states(workspace, fleet, self.chosen)
        if shown is not None:
            require_shown(shown, self.chosen, DEPLOYING)
        self.decisions = _decisions(self.fleet, self.chosen)

    @property
    def touched(self) -> set[str]:
        """Every address that a run may change."""
        moves = self.fleet.moves
        return self.chosen | {moves[address] for address in self.chosen if address in moves}

    @property
    def read(self) -> set[str]:
        """Producers that are no part of the run, whose runtimes it uses."""
        return {p for a in self.chosen for p in self.fleet.waits_for(a)} - self.touched

    def is_current(self, workspace: Running) -> bool:
        """Whether nothing has moved since; False where that cannot be told."""
        return self.token != "" and self.token == build.inputs_token(workspace)


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
    LeaseHeld where another run works on one of the components, or destroys what they need. What ended the run
    early is raised after everything that happened has been recorded.
    """
    shown = _shown(workspace, plan_id, allow_blocked=allow_blocked)
    require_selection(selection)
    check_binding(workspace)
    run = _new_run(workspace, selection, plan_id, allow_blocked=allow_blocked)
    reading = _Reading(workspace, selection, shown)
    dead_runs = tuple(how_to_go_on(dead) for dead in close_dead_runs(workspace))
    for _ in range(READINGS):
        reach("deploy.after_reading")
        warnings = (*dead_runs, *reading.choice.untold, *left_out(reading.fleet, selection, reading.choice))
        at_rest = _at_rest(workspace, reading.decisions)
        if at_rest is not None:
            return replace(at_rest, warnings=warnings)
        names, held = _lease_names(run.id, reading.touched, reading.read), reading.touched
        with leasing.held(workspace, names, wait_seconds=0) as heartbeat:
            reach("deploy.after_leases")
            if not reading.is_current(workspace):
                reading = _Reading(workspace, selection, shown)
            if reading.touched <= held and _at_rest(workspace, reading.decisions) is None:
                leasing.refuse_if_destroyed(workspace, reading.read)
                result = _run(workspace, run, reading, heartbeat, open_executor, shown)
                return replace(result, warnings=(*warnings, *result.warnings))
    raise Conflict(
        "the deploy was not begun",
        why=f"what is to be deployed has changed {READINGS} times while its leases were taken",
        next_step="deploy again when configs and modules are at rest",
        code="moving-target",
    )


def _new_run(workspace: Context, selection: Selection, plan_id: str | None, *, allow_blocked: bool) -> Run:
    """The run of a deploy, whose holder and versions are known once its leases are held."""
    return Run(
        id=workspace.new_id(),
        environment=workspace.name,
        kind="deploy",
        status=RunStatus.RUNNING,
        targets=selection.targets,
        started_at=workspace.now(),
        holder="",
        user=workspace.actor.user,
        options={
            "selection": to_builtins(selection),
            "plan": plan_id,
            "allow_blocked": allow_blocked,
            CHANGE: workspace.actor.change_id,
            FLOW_RUN: workspace.actor.flow_run,
        },
    )


def _run(
    workspace: Running,
    run: Run,
    reading: _Reading,
    heartbeat: Heartbeat,
    open_executor: OpenExecutor,
    shown: Shown | None,
) -> RunResult:
    """Carry out what was read, under its leases."""
    fleet, chosen = reading.fleet, reading.chosen
    pins = pin(workspace, fleet, chosen)
    if shown is None and (
        _may_break(fleet, reading.decisions) or _has_faults(workspace, fleet, reading.decisions)
    ):
        allowed = bool(run.options["allow_blocked"])
        shown = _look_ahead(workspace, fleet, chosen, allow_blocked=allowed)
    begun = replace(
        run,
        holder=heartbeat.lease.holder,
        started_at=workspace.now(),
        options={**run.options, "pins": to_builtins(pins)},
    )
    deployment = Deployment(workspace, fleet, begun, heartbeat, chosen, shown=shown)
    return carry_out(deployment, open_executor, workspace)


def _shown(workspace: PlanStore, plan_id: str | None, *, allow_blocked: bool) -> Shown | None:
    """The stored plan that a deploy was ordered to follow."""
    if plan_id is None:
        return None
    require_published(workspace, plan_id)
    plan = load_plan(workspace, plan_id)[0]
    refuse_breaking(plan.findings, allow_blocked=allow_blocked)
    return as_shown(plan)


def _may_break(fleet: Fleet, decisions: Iterable[Judgement]) -> bool:
    """Whether a deployed component depends on what will be applied; then the cone is planned first."""
    return has_working_consumers(fleet, (j.address for j in decisions if j.verdict is Verdict.RUN))


def _has_faults(workspace: ComponentPlanning, fleet: Fleet, decisions: Iterable[Judgement]) -> bool:
    """Whether a module that will run has a static fault; then the cone is planned first, which blocks it."""
    running = {j.address for j in decisions if j.verdict is Verdict.RUN}
    return any_invalid(workspace, fleet, running)


def _look_ahead(
    workspace: ComponentPlanning, fleet: Fleet, chosen: set[str], *, allow_blocked: bool
) -> Shown:
    """Plan the whole cone although nobody is shown it; components that it blocks are left alone."""
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
    names = _lease_names(run.id, pins.touched, ())
    with Heartbeat(workspace, take_over(workspace, run, names)) as heartbeat:
        reach("resume.after_leases")
        run = find_run(workspace, run_id)  # somebody may have ended it before these leases were held
        fleet = build.read_fleet(workspace, pins=pins)
        chosen = {a for a in pins.configs if a in fleet.graph and fleet[a].config is not None}
        fleet = check_states(workspace, fleet, chosen)
        outside = {p for a in chosen for p in fleet.waits_for(a)} - pins.touched
        with _reading_of(workspace, run, outside):
            before = progress_of(workspace.state.entries(run_id=run_id))
            options = {
                **run.options,
                FLOW_RUN: workspace.actor.flow_run,
                FORMER_FLOW_RUNS: former_flow_runs(run),
            }
            again = replace(
                run, status=RunStatus.RUNNING, holder=heartbeat.lease.holder, finished_at="", options=options
            )
            warnings = moved_on(workspace, pins)
            deployment = Deployment(workspace, fleet, again, heartbeat, chosen, shown=shown, before=before)
            result = carry_out(deployment, open_executor, workspace)
    return replace(result, warnings=(*warnings, *result.warnings))


@contextmanager
def _reading_of(workspace: HasState, run: Run, producers: Collection[str]) -> Iterator[None]:
    """Hold for the block that the run reads producers that are no part of it."""
    names = _readings(run.id, producers)
    with leasing.held(workspace, names, wait_seconds=0) if names else nullcontext():
        leasing.refuse_if_destroyed(workspace, producers)
        yield


def _lease_names(run_id: str, touched: Iterable[str], read: Iterable[str]) -> list[str]:
    components = [leasing.component_lease(address) for address in sorted(touched)]
    return [*components, leasing.run_lease(run_id), *_readings(run_id, read)]


def _readings(run_id: str, read: Iterable[str]) -> list[str]:
    return [leasing.reading_lease(address, run_id) for address in sorted(read)]


def idle(workspace: Planning, selection: Selection) -> RunResult | None:
    """Return the result of a deploy that has nothing to do, without starting a run; None otherwise."""
    require_selection(selection)
    check_binding(workspace)
    fleet = build.read_fleet(workspace)
    if not any(loaded.config for loaded in fleet.inventory.components.values()):
        return None  # an environment without configs may be one whose prefix was changed: the build tells
    choice = choose(workspace, fleet, selection)
    fleet = check_states(workspace, fleet, choice.addresses)
    result = nothing_to_do(workspace, fleet, set(choice.addresses))
    warnings = (*choice.untold, *left_out(fleet, selection, choice))
    return replace(result, warnings=warnings) if result else None


def nothing_to_do(workspace: Context, fleet: Fleet, chosen: set[str]) -> RunResult | None:
    """Return the result of a run whose components are all up to date; None if any is not."""
    return _at_rest(workspace, _decisions(fleet, chosen))


def _decisions(fleet: Fleet, chosen: set[str]) -> list[Judgement]:
    """Return the judgement of each chosen component before anything has changed, sorted by address."""
    decider = Decider(fleet, chosen, "")
    return [decider.decide(address) for address in sorted(chosen)]


def _at_rest(workspace: Context, decisions: Sequence[Judgement]) -> RunResult | None:
    if any(judgement.verdict is not Verdict.UNCHANGED for judgement in decisions):
        return None
    outcomes = tuple(Outcome(address=j.address, status=End.UNCHANGED, reason=j.reason) for j in decisions)
    return RunResult(run_id=workspace.new_id(), status=RunStatus.SUCCEEDED, components=outcomes)
