"""What has to follow for a run that its worker ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.handing_on import Ended, orders_for
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem, die

PARAMETERS = {"project": "/srv", "environment": "test", "requested_by": "ann", "source": "api"}
GIVEN = {name: PARAMETERS[name] for name in ("environment", "requested_by", "source")}


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
        found = orders(system, ended("deploy", state, targets=["a/one"]))
        assert found == [("deploy", {**GIVEN, "resume_run": run.id})]


def test_a_deploy_that_had_not_begun_is_ordered_again(system: ChangeSystem) -> None:
    """With the parameters that it had."""
    run = ended("deploy", targets=["a/one"])
    assert orders(system, run) == [("deploy", run.parameters)]


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
    assert orders(system, ended("approve-change")) == [("reconcile", GIVEN)]
    for named in ({"change_id": "c1"}, {"idempotency_key": "k"}):
        run = ended("change-run", **named)
        assert orders(system, run) == [("change-run", run.parameters), ("reconcile", GIVEN)]
    push = ended("push-run", commit="a" * 40)
    assert orders(system, push) == [("push-run", push.parameters), ("reconcile", GIVEN)]


def test_a_destroy_is_left_to_people(system: ChangeSystem) -> None:
    """Nothing is destroyed by anybody but who ordered it."""
    assert orders(system, ended("destroy", everything=True)) == []
