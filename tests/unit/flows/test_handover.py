"""What has to follow for a run that its worker ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows import handover
from flows.handover import Ended, hand_on, orders_for, try_again
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.scaffold import start_project
from karma_adapters.wiring.settings import Settings
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.records import Run
from karma_core.roles import Role
from karma_core.use_cases.access.vouching import ordered_by, vouch
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.runs.records import FLOW_RUN, Order, RunResult
from karma_core.workspace import Actor, Workspace
from tests.change_system import ChangeSystem, die
from tests.served_system import RecordedRuns

PARAMETERS = {"project": "/srv", "environment": "test", "requested_by": "ann", "source": "api"}
GIVEN = {"environment": PARAMETERS["environment"]}
"""What a run that follows is given; who asks is what the order of the first one vouches for."""


def ended(flow: str, state: str = "CRASHED", **parameters: Any) -> Ended:
    """The flow run `f1` as it ended."""
    return Ended(id="f1", flow=flow, state=state, parameters={**PARAMETERS, **parameters})


@pytest.fixture
def system() -> ChangeSystem:
    """One component, not deployed."""
    made = ChangeSystem()
    made.configure(a_one={"size": 1})
    return made


def orders(system: ChangeSystem, run: Ended) -> list[tuple[str, dict[str, Any]]]:
    """Flow and parameters of each order."""
    return [(order.flow, order.parameters) for order in orders_for(system.workspace, run)]


class _Flow(ChangeSystem):
    """A system whose deploys are the flow run `f1`."""

    @property
    def workspace(self) -> Workspace:
        made = super().workspace
        return replace(made, actor=replace(made.actor, flow_run="f1"))


def test_a_deploy_that_had_begun_is_resumed() -> None:
    """By the Karma run that it left, for whoever wanted it; also where the flow run could still end well."""
    system = _Flow()
    system.configure(a_one={"size": 1})
    die(system, "deploy.after_apply", system.deploy)
    (run,) = system.state.runs()
    for state in ("CRASHED", "COMPLETED"):
        ordered = orders(system, ended("deploy", state, targets=["a/one"]))
        assert ordered == [("deploy", {**GIVEN, "resume_run": run.id})]


def test_a_deploy_that_had_not_begun_is_ordered_again(system: ChangeSystem) -> None:
    """With the parameters that it had."""
    run = ended("deploy", targets=["a/one"])
    assert orders(system, run) == [("deploy", run.parameters)]


def project(tmp_path: Path) -> Settings:
    """A project with the environment `dev`."""
    start_project(tmp_path, "dev")
    return read_settings(tmp_path)


def deploy_of_ann(settings: Settings) -> dict[str, Any]:
    """The parameters of a deploy that ann has proven to ask for."""
    actor = Actor(user="ann", source="api", proof="token", role=Role.APPROVER)
    workspace = replace(open_workspace(settings, "dev"), actor=actor)
    who = {"environment": "dev", "requested_by": "ann", "source": "api"}
    return vouch(workspace, "deploy", {**who, "targets": ["a/one"]})


def test_a_run_that_is_handed_on_acts_as_who_ordered_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets an order of its own: that of the run that ended counts for that one alone."""
    settings, runs = project(tmp_path), RecordedRuns()
    monkeypatch.setattr(handover, "open_runs", lambda _: runs)
    given = {**deploy_of_ann(settings), "project": str(tmp_path)}
    workspace = open_workspace(settings, "dev")
    ordered_by(workspace, given["order"], "deploy", given, "f1")
    (said,) = hand_on(settings, [Ended(id="f1", flow="deploy", state="CRASHED", parameters=given)])
    assert said.startswith("deploy run f1 is handed on")
    ((flow, parameters, _),) = runs.started
    assert (parameters["targets"], parameters["project"]) == (["a/one"], str(tmp_path))
    assert parameters["order"] != given["order"]
    actor = ordered_by(workspace, parameters["order"], flow, parameters, "f2")
    assert (actor.user, actor.source, actor.proof, actor.role) == ("ann", "api", "token", Role.APPROVER)


def test_a_forged_run_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that was not for it makes nothing of the kind, and neither does a name without an order."""
    settings, runs = project(tmp_path), RecordedRuns()
    monkeypatch.setattr(handover, "open_runs", lambda _: runs)
    forged = {**deploy_of_ann(settings), "targets": ["b/two"]}
    (said,) = hand_on(settings, [Ended(id="f1", flow="deploy", state="CRASHED", parameters=forged)])
    assert "is not handed on" in said
    label = {"environment": "dev", "requested_by": "boss", "targets": ["b/two"]}
    (said,) = hand_on(settings, [Ended(id="f2", flow="deploy", state="CRASHED", parameters=label)])
    assert "is not handed on" in said
    assert runs.started == []


@pytest.mark.parametrize("flow", ["deploy", "change-run", "graph-rebuild"])
@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED", "CANCELLING"])
def test_what_ended_by_itself_or_was_cancelled_is_left(system: ChangeSystem, flow: str, state: str) -> None:
    """Nothing follows."""
    assert orders(system, ended(flow, state)) == []


@pytest.mark.parametrize("flow", ["drift-check", "graph-rebuild", "pull-request-check"])
def test_what_may_run_again_does(system: ChangeSystem, flow: str) -> None:
    """As it was ordered."""
    assert orders(system, ended(flow)) == [(flow, ended(flow).parameters)]


def test_changes_are_reconciled(system: ChangeSystem) -> None:
    """A request without a key is not made twice; with one, or by its id, a change is carried on."""
    assert orders(system, ended("change-run", component="a/one")) == [("reconcile", GIVEN)]
    assert orders(system, ended("push-run", "COMPLETED")) == []
    for named in ({"change_id": "c1"}, {"idempotency_key": "k"}):
        run = ended("change-run", **named)
        assert orders(system, run) == [("change-run", run.parameters), ("reconcile", GIVEN)]
    push = ended("push-run", commit="a" * 40)
    assert orders(system, push) == [("push-run", push.parameters), ("reconcile", GIVEN)]


def test_a_destroy_is_left_to_people(system: ChangeSystem) -> None:
    """Nothing is destroyed by anybody but who ordered it."""
    assert orders(system, ended("destroy", everything=True)) == []


def test_a_change_that_was_interrupted_is_tried_again() -> None:
    """Queued, to be applied as soon as it may be; then a reconciliation goes on with it."""
    system, change = interrupted({})
    assert try_again(system.workspace, ended("change-run", "COMPLETED")) == (change.id,)
    again = system.change(change.id)
    assert (again.status, again.proceed) == (State.QUEUED, True)
    assert orders(system, ended("change-run", "COMPLETED", change_id=change.id)) == [("reconcile", GIVEN)]
    system.drain()
    assert system.change(change.id).status is State.APPLIED


def test_a_change_that_is_taken_back_is_not_tried_again() -> None:
    """By policy, or because its run was cancelled."""
    system, change = interrupted({"on_failure": "roll_back"})
    assert try_again(system.workspace, ended("change-run", "COMPLETED")) == ()
    system, change = interrupted({})
    assert try_again(system.workspace, ended("change-run", "CANCELLED")) == ()
    assert system.change(change.id).status is State.FAILED


def interrupted(policy: dict[str, Any]) -> tuple[_Flow, Change]:
    """A change whose apply was interrupted as by Ctrl-C."""
    system = _Flow()
    system.configure(a_one={"size": 1})
    system.deploy()
    system.policy = policy
    change = system.request("a/one", proposed_change={"size": 2})

    def interrupt(_order: Order, workspace: Workspace) -> RunResult:
        run = Run(
            id="r1", environment="test", kind="deploy", status="interrupted", targets=("a/one",),
            started_at=workspace.now(), options={FLOW_RUN: "f1"},
        )  # fmt: skip
        workspace.state.put_run(run)
        return RunResult(run_id="r1", status="interrupted", components=())

    return system, apply(system.workspace, change.id, interrupt)
