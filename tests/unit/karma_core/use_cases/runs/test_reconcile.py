"""Runs that ended without a word are closed, told, and can be taken up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from karma_core import failpoints
from karma_core.records import Lease, Run
from karma_core.use_cases.runs.deploy import deploy, resume
from karma_core.use_cases.runs.reconcile import close_flow_run, reconcile, resumed_without_them
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.memory_system import ALL, Killed, Meanwhile, System, statuses


@pytest.fixture
def system() -> System:
    """a/one ← b/two, nothing deployed."""
    made = System()
    made.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    return made


def in_flow(system: System, flow_run: str) -> Workspace:
    """The workspace of a flow run."""
    made = system.workspace
    return replace(made, actor=replace(made.actor, flow_run=flow_run))


def die(system: System, flow_run: str = "F1") -> str:
    """Deploy in a flow run whose process dies after the first apply; the run's id."""
    workspace = in_flow(system, flow_run)

    def end(place: str) -> None:
        system.life.ended = system.life.ended or place == "deploy.after_apply"

    failpoints.install(end)
    try:
        with pytest.raises(Killed):
            deploy(workspace, ALL, ThreadExecutor)
    finally:
        failpoints.install(None)
    return system.state.runs()[0].id


def flow_events(system: System) -> list[tuple[str, Any]]:
    """How flow runs ended, and which runs they had left open."""
    return [(e.status, e.inputs["runs"]) for e in system.log.events(action="flow_run")]


def test_a_living_run_is_left_alone(system: System) -> None:
    """As long as its lease is kept, it may still be working."""
    die(system)
    assert reconcile(system.workspace) == ()
    assert system.state.runs()[0].status == "running"


def _run(system: System, lease: Lease, status: str) -> Run:
    """A run as it is kept by whoever holds the lease."""
    run = Run(
        id="R1",
        environment="test",
        kind="deploy",
        status=status,
        targets=(),
        started_at=system.workspace.now(),
        holder=lease.holder,
        user="ann",
    )
    system.state.put_run(run)
    return run


@pytest.mark.parametrize("look", ["runs", "leases"])
def test_a_run_that_begins_while_one_looks_is_not_taken_for_dead(system: System, look: str) -> None:
    """Between the look at the runs and that at the leases a run may get both: it lives."""

    def begin() -> None:
        _run(system, system.state.acquire(["component:a/one"], "bob/1", 60), "running")

    made = system.workspace
    assert reconcile(replace(made, state=Meanwhile(made.state, look, begin))) == ()
    assert system.state.runs()[0].status == "running"


@pytest.mark.parametrize("look", ["runs", "leases"])
def test_a_run_that_ends_while_one_looks_keeps_its_end(system: System, look: str) -> None:
    """It gives its lease back once its end is kept; that is not overwritten."""
    lease = system.state.acquire(["component:a/one"], "bob/1", 60)
    _run(system, lease, "running")

    def end() -> None:
        _run(system, lease, "succeeded")
        system.state.release(lease)

    made = system.workspace
    assert reconcile(replace(made, state=Meanwhile(made.state, look, end))) == ()
    assert system.state.runs()[0].status == "succeeded"


def test_a_run_that_is_taken_up_while_one_looks_is_left_to_that(system: System) -> None:
    """Its new holder works on it already."""
    die(system)
    system.clock.pass_seconds(61)

    def take_up() -> None:
        _run(system, system.state.acquire(["component:a/one"], "bob/2", 60), "running")

    dead = system.state.runs()[0]
    system.state.put_run(msgspec.structs.replace(dead, id="R1"))
    made = system.workspace
    closed = reconcile(replace(made, state=Meanwhile(made.state, "leases", take_up)))
    assert [run.run_id for run in closed] == [dead.id]


def test_a_dead_run_is_closed_once_and_can_be_resumed(system: System) -> None:
    """Its flow run is named, so that Prefect can be told; the log says that it was interrupted."""
    run_id = die(system)
    system.clock.pass_seconds(61)
    (closed,) = reconcile(system.workspace)
    assert closed.contract() == {
        "run_id": run_id,
        "kind": "deploy",
        "started_at": system.state.runs()[0].started_at,
        "flow_run": "F1",
        "next": closed.next_step,
    }
    assert f"karma deploy --resume {run_id}" in closed.next_step
    assert ("a/one", "interrupted") in system.events("terraform_apply")
    assert reconcile(system.workspace) == ()
    result = resume(in_flow(system, "F2"), run_id, ThreadExecutor)
    assert set(statuses(result).values()) == {"applied"}
    assert system.state.runs()[0].options["flow_run"] == "F2"
    assert resumed_without_them(system.workspace) == ("F1",)
    assert system.log.verify().verified


def test_the_end_of_a_flow_run_closes_its_runs_and_no_others(system: System) -> None:
    """Prefect knows that the process has gone, before the lease does."""
    run_id = die(system)
    close_flow_run(system.workspace, "deploy", "F0", "crashed")
    assert system.state.runs()[0].status == "running"
    (closed,) = close_flow_run(system.workspace, "deploy", "F1", "cancelled")
    assert closed.run_id == run_id
    assert system.state.runs()[0].status == "interrupted"
    assert flow_events(system) == [("crashed", []), ("cancelled", [run_id])]


def test_a_flow_run_that_closed_its_runs_itself_is_only_logged(system: System) -> None:
    """A run that ended well keeps its end."""
    deploy(in_flow(system, "F1"), ALL, ThreadExecutor)
    assert close_flow_run(system.workspace, "deploy", "F1", "crashed") == ()
    assert system.state.runs()[0].status == "succeeded"
    assert flow_events(system) == [("crashed", [])]
