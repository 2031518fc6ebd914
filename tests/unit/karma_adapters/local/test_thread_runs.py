"""Runs in threads: started once a key, in the name of who asked, their errors said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from karma_adapters.local.thread_runs import ThreadRuns
from karma_core.changes.states import State
from karma_core.errors import NotFound
from karma_core.use_cases.changes.register import Register
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem


@pytest.fixture
def system() -> ChangeSystem:
    """Two components, nothing deployed."""
    made = ChangeSystem()
    made.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    return made


def start(system: ChangeSystem, *orders: tuple[str, dict[str, Any], str]) -> list[str]:
    """Start orders, wait until all have ended; their ids."""
    workspace = system.workspace
    runs = ThreadRuns(lambda _: workspace)
    common = {"environment": "test", "requested_by": "ann", "source": "api"}
    ids = [runs.start(flow, {**common, **body}, idempotency_key=key) for flow, body, key in orders]
    runs.close()
    return ids


def test_every_flow_does_its_work(system: ChangeSystem) -> None:
    """Build, deploy, check drift; the actor is who asked, through which entry point."""
    start(system, ("graph-rebuild", {}, "1"))
    start(system, ("deploy", {"everything": True}, "2"))
    start(system, ("drift-check", {}, "3"))
    actions = {(event.action, event.user, event.source) for event in system.log.events()}
    assert {("graph_build", "ann", "api"), ("deploy", "ann", "api"), ("drift_check", "ann", "api")} <= actions
    assert system.applies() == ["a/one", "b/two"]


def test_a_key_starts_one_run(system: ChangeSystem) -> None:
    """The same key gives the same id, another key another run."""
    order = ("deploy", {"everything": True}, "k")
    first, second, other = start(system, order, order, ("deploy", {"everything": True}, "o"))
    assert first == second != other
    assert len(system.state.runs()) <= 2
    assert system.applies() == ["a/one", "b/two"]


def test_a_change_is_requested_and_applied(system: ChangeSystem) -> None:
    """From the fields of the request document."""
    start(system, ("graph-rebuild", {}, "1"))
    start(system, ("deploy", {"everything": True}, "2"))
    wanted = {"component": "a/one", "replace": {"size": 2}, "reason": "r"}
    start(system, ("change-run", {**wanted, "dry_run": True, "apply_when_approved": True}, "3"))
    assert Register(system.workspace).all() == []
    start(system, ("change-run", {**wanted, "apply_when_approved": True}, "4"))
    assert system.config("a/one") == {"size": 2}


def test_a_change_is_applied_at_once_only_where_that_is_wanted(system: ChangeSystem) -> None:
    """As in the flow: a request that does not say so leaves the apply to somebody else."""
    start(system, ("change-run", {"component": "a/one", "proposed_change": {"size": 2}}, "1"))
    assert [change.status for change in Register(system.workspace).open()] == [State.APPROVED]
    assert system.config("a/one") == {"size": 1}


def test_a_change_that_waits_is_no_failed_run(system: ChangeSystem) -> None:
    """Whether it waits for an approval or was rejected, its status says so, and nothing has failed."""
    system.deploy()
    system.policy = {"require_approval": True}
    wanted = {"component": "a/one", "proposed_change": {"size": 2}, "apply_when_approved": True}
    start(system, ("change-run", wanted, "1"), ("change-run", {**wanted, "component": "b/none"}, "2"))
    statuses = {change.status for change in Register(system.workspace).all()}
    assert statuses == {State.AWAITING_APPROVAL, State.REJECTED}
    assert "run_failed" not in {event for event, _ in system.said}


def test_a_defect_is_in_the_servers_log(system: ChangeSystem, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; the caller was told only that the run has started."""

    def broken(_workspace: Workspace, _parameters: Mapping[str, Any]) -> object:
        raise ZeroDivisionError("a defect")

    workspace = system.workspace
    runs = ThreadRuns(lambda _: workspace, {"broken": broken})
    given = {"environment": "test", "requested_by": "ann", "source": "api"}
    assert runs.start("broken", given, idempotency_key="1")
    runs.close()
    (record,) = caplog.records
    assert (record.name, record.exc_info and record.exc_info[0]) == ("karma.runs", ZeroDivisionError)


def test_errors_are_said_and_unknown_flows_refused(system: ChangeSystem) -> None:
    """Nobody waits for a run: its error is said."""
    start(system, ("change-run", {"change_id": "none"}, "1"))
    assert [facts["code"] for event, facts in system.said if event == "run_failed"] == ["not-found"]
    with pytest.raises(NotFound):
        start(system, ("nonsense", {}, "2"))
