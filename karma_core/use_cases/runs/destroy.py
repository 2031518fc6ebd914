"""Destroy: consumers before producers, refused while a live consumer would be left behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from karma_core.errors import Conflict, DeployFailed, KarmaError, StaleLease, StoreError
from karma_core.failpoints import reach
from karma_core.model import to_builtins
from karma_core.needs import Destroying, DestroyPlanning
from karma_core.outcomes import End, Phase, RunStatus
from karma_core.plan.document import Action
from karma_core.plan.heights import STATE_CODES
from karma_core.plan.shown import DESTROYING, Shown
from karma_core.plan.steps import DESTROY
from karma_core.plan.unseen import maybe_created
from karma_core.records import Applied, Run, TerraformPlan
from karma_core.use_cases import leasing
from karma_core.use_cases.fleet import creations, heights
from karma_core.use_cases.fleet.applied_job import destroy_job
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.states import state_error
from karma_core.use_cases.leasing import Heartbeat, component_lease, destroy_lease
from karma_core.use_cases.plans.decider import in_one_line
from karma_core.use_cases.plans.stored import as_shown, load_plan, require_shown
from karma_core.use_cases.runs.deploy import READINGS
from karma_core.use_cases.runs.deployment import OpenExecutor, rebuild
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.records import FLOW_RUN, Outcome, RunResult
from karma_core.use_cases.runs.recovery import recover_state
from karma_core.use_cases.runs.runtime_writing import keep_plan
from karma_core.use_cases.selection.deployed import applied_graph, select_for_destroy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import Driver, Result, Step, Walk


class _MoreThanShown(Exception):
    """The plan of now destroys more than the one that somebody was shown."""


class Destruction:
    """The walk's Work: one step a component, bound to the plan that was `shown`, if one was."""

    def __init__(
        self,
        workspace: DestroyPlanning,
        recorder: Recorder,
        heartbeat: Heartbeat,
        run: Run,
        *,
        shown: Shown | None = None,
    ) -> None:
        self._workspace = workspace
        self._shown = shown
        self._recorder = recorder
        self._heartbeat = heartbeat
        self._run = run
        self.outcomes: dict[str, Outcome] = {}

    def first_step(self, address: str) -> str:
        """Return the only step."""
        del address
        return DESTROY

    def step(self, address: str, step: str) -> Step:
        """Return the call that destroys the component."""
        del step
        return lambda: self._destroy(address)

    def interrupted(self) -> None:
        """Stop the running Terraform processes, letting them save their state."""
        self._workspace.terraform.stop()

    def _destroy(self, address: str) -> Result:
        started = self._workspace.clock()
        self._heartbeat.check()
        self._workspace.say("step", {"address": address, "step": DESTROY})
        try:
            cannot = self._blocked(address)
            if cannot:
                return self._end(address, End.BLOCKED, cannot, started)
            reason = self._carry_out(address)
        except _MoreThanShown as more:
            return self._end(address, End.STOPPED, str(more), started)
        except (StaleLease, StoreError):
            raise
        except KarmaError as error:
            self._workspace.say("error", {"address": address, "error": str(error)})
            if error.code in STATE_CODES:
                return self._end(address, End.BLOCKED, in_one_line(error), started)
            return self._end(address, End.FAILED, error.what, started)
        return self._end(address, End.DESTROYED, reason, started)

    def _end(self, address: str, status: End, reason: str, started: datetime) -> Result:
        seconds = (self._workspace.clock() - started).total_seconds()
        self.outcomes[address] = Outcome(address=address, status=status, reason=reason, seconds=seconds)
        self._workspace.say("outcome", {"address": address, "status": status, "reason": reason})
        return Result(succeeded=status is End.DESTROYED)

    def _blocked(self, address: str) -> str:
        """Why the component is left alone: it is not known what it has, or the shown plan says so."""
        resources = creations.maybe_created(self._workspace, address)
        if resources:
            return in_one_line(maybe_created(address, resources))
        planned = self._shown.components.get(address) if self._shown else None
        return planned.reason if planned is not None and planned.action is Action.BLOCKED else ""

    def _check_shown(self, plan: TerraformPlan) -> None:
        more = self._shown.exceeded_by(plan) if self._shown else []
        if more:
            said = f"its plan destroys {', '.join(more)}, which the shown plan did not"
            raise _MoreThanShown(f"{said}; plan again and approve that")

    def _carry_out(self, address: str) -> str:
        """Plan the destruction, journal it, apply it, and forget the component."""
        workspace = self._workspace
        record = workspace.state.applied(address)
        if record is None:
            return "it was not deployed any more"
        self._check_state(record)
        job = destroy_job(workspace, record)
        generation = workspace.state.next_generation(address)
        recover_state(workspace, self._recorder, job, generation)
        plan = workspace.terraform.plan(job)
        self._check_shown(plan)
        kept = keep_plan(workspace, self._run.id, plan)
        begun = replace(record, begun=self._run.id)
        self._recorder.journal(
            address, generation, DESTROY, Phase.STARTED, applied=begun, destroy=plan.destroy
        )
        reach("destroy.after_intent")
        intent = self._recorder.log(
            "terraform_destroy", Phase.STARTED, address, inputs={"destroy": plan.destroy}, artifacts=kept
        )
        try:
            if plan.saved:
                workspace.terraform.apply(job, plan)
        except DeployFailed as error:
            self._recorder.journal(
                address,
                generation,
                DESTROY,
                Phase.FAILED,
                applied=self._failed(record),
            )
            self._recorder.log(
                "terraform_destroy",
                Phase.FAILED,
                address,
                inputs={"error": error.document()},
                cause=intent,
            )
            raise
        reach("destroy.after_destroy")
        workspace.parameters.delete([workspace.runtime_parameter(address)])
        self._recorder.journal(address, generation, DESTROY, Phase.SUCCEEDED, forget=address)
        self._recorder.log(
            "terraform_destroy", Phase.SUCCEEDED, address, before=record.fingerprint, cause=intent
        )
        return f"{plan.destroy} resources destroyed"

    def _check_state(self, record: Applied) -> None:
        """Raise the state's fault (`STATE_CODES`): what it lacks would stay, and be called destroyed."""
        error = state_error(self._workspace, record)
        if error is not None:
            raise error

    def _failed(self, record: Applied) -> Applied:
        """The record of a component that was destroyed in part, with the height of what is left."""
        try:
            state = self._workspace.terraform.height(record.address)
        except KarmaError:
            state = None  # nothing is known of it; the failure is what counts
        return replace(record, status="failed", fingerprint="", state=state, begun="")


def destroy(
    workspace: Destroying, selection: Selection, open_executor: OpenExecutor, *, plan_id: str | None = None
) -> RunResult:
    """Destroy the selection, consumers first; a failure leaves what the failed one needs, no siblings.

    Bound to the shown plan `plan_id`, where one is given: a component of which more would be destroyed is
    `stopped`. Refused `plan-outdated` where the selection means a component that the plan does not destroy.
    Where nothing is deployed, no run is started.
    """
    check_binding(workspace)
    heights.require_level(workspace)
    shown = as_shown(load_plan(workspace, plan_id)[0]) if plan_id is not None else None
    for _ in range(READINGS):
        chosen = select_for_destroy(workspace, selection)
        reach("destroy.after_reading")
        if not chosen:
            return RunResult(run_id="", status=RunStatus.SUCCEEDED, components=())
        held = set(chosen)
        with leasing.held(workspace, _lease_names(held), wait_seconds=0) as heartbeat:
            reach("destroy.after_leases")
            heights.require_level(workspace)
            chosen = select_for_destroy(workspace, selection)
            if shown is not None:
                require_shown(shown, chosen, DESTROYING)
            if chosen and held.issuperset(chosen):
                leasing.refuse_if_read(workspace, chosen)
                return _run(workspace, selection, chosen, open_executor, shown, heartbeat)
    raise Conflict(
        "the destroy was not begun",
        why=f"what is deployed has changed {READINGS} times while its leases were taken",
        next_step="destroy again when no deploys are under way",
        code="moving-target",
    )


def _lease_names(addresses: Collection[str]) -> list[str]:
    return [name(address) for address in sorted(addresses) for name in (component_lease, destroy_lease)]


def _run(
    workspace: Destroying,
    selection: Selection,
    chosen: Sequence[str],
    open_executor: OpenExecutor,
    shown: Shown | None,
    heartbeat: Heartbeat,
) -> RunResult:
    """The run over components that are deployed, consumers first, under its leases, to its result."""
    graph = applied_graph(workspace, workspace.state.all_applied())
    waits_for = {a: [c for c in graph.consumers(a) if c in set(chosen)] for a in chosen}
    run = Run(
        id=workspace.new_id(),
        environment=workspace.name,
        kind="destroy",
        status=RunStatus.RUNNING,
        targets=selection.targets,
        started_at=workspace.now(),
        holder=heartbeat.lease.holder,
        user=workspace.actor.user,
        options={
            **to_builtins(selection),
            "plan": shown.plan_id if shown else None,
            FLOW_RUN: workspace.actor.flow_run,
        },
    )
    workspace.state.put_run(run)
    recorder = Recorder(workspace, run, None)
    recorder.root = recorder.log("destroy", Phase.STARTED, inputs={"components": list(chosen)})
    work = Destruction(workspace, recorder, heartbeat, run, shown=shown)
    error: BaseException | None = None
    walk = Walk(waits_for, depths(waits_for, chosen))
    try:
        with open_executor(workspace.environment.parallelism) as executor:
            Driver(walk, work, executor, waits_for).run(workspace.environment.parallelism)
    except BaseException as raised:  # whatever it was, the run is closed first
        error = raised
    result = _result(run, chosen, work, walk, error)
    workspace.state.put_run(replace(run, status=result.status, finished_at=workspace.now()))
    recorder.log("destroy", result.status)
    unnoted = heights.note(workspace)
    if error is not None and not isinstance(error, KeyboardInterrupt):
        raise error
    return replace(result, warnings=(*unnoted, *rebuild(workspace)))


def depths(waits_for: Mapping[str, Sequence[str]], order: Sequence[str]) -> dict[str, int]:
    """Length of the longest path from each component to the last that waits for it."""
    lengths = dict.fromkeys(order, 0)
    for address in reversed(order):
        for awaited in waits_for[address]:
            lengths[awaited] = max(lengths[awaited], lengths[address] + 1)
    return lengths


def _result(
    run: Run, chosen: Sequence[str], work: Destruction, walk: Walk, error: BaseException | None
) -> RunResult:
    outcomes = dict(work.outcomes)
    for address, cause in walk.blocked.items():
        reason = f"{cause}, which consumes it, was not destroyed"
        outcomes[address] = Outcome(address=address, status=End.BLOCKED, reason=reason)
    for address in chosen:
        outcomes.setdefault(
            address, Outcome(address=address, status=End.NOT_RUN, reason="the run ended before it")
        )
    return RunResult(
        run_id=run.id,
        status=_status({outcome.status for outcome in outcomes.values()}, error),
        components=tuple(outcomes[a] for a in sorted(outcomes)),
    )


def _status(statuses: set[End], error: BaseException | None) -> RunStatus:
    """Return the run's status. A component blocked by a stopped one is no failure."""
    if isinstance(error, KeyboardInterrupt):
        return RunStatus.INTERRUPTED
    if error is None and End.STOPPED in statuses and not statuses & {End.FAILED, End.NOT_RUN}:
        return RunStatus.STOPPED
    if error is None and End.BLOCKED in statuses and statuses <= {End.DESTROYED, End.BLOCKED}:
        return RunStatus.BLOCKED
    return RunStatus.SUCCEEDED if statuses <= {End.DESTROYED} else RunStatus.FAILED
