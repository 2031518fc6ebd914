"""Many clients at once against one environment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from karma_core.changes.record import Change
from karma_core.needs import CarryingOut
from karma_core.use_cases.changes.drain import carry_on, drain
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.runs.records import Order, RunResult
from tests.change_system import ChangeSystem, request, run_order

CLIENTS = 16
ADDRESSES = ("a/one", "b/two", "d/four")


def test_all_finish_none_twice_overlapping_ones_in_the_order_of_acceptance() -> None:
    """Each client asks, and moves the queue until its change has ended."""
    system = ChangeSystem()
    system.configure(a_one={"log": 0}, b_two={"a_nickname": "one"}, d_four={})
    system.deploy()

    def client(number: int) -> Change:
        workspace = system.workspace
        body: dict[str, Any] = {
            "component": ADDRESSES[number % len(ADDRESSES)],
            "proposed_change": {f"by_{number}": number},
        }
        change = request(workspace, body, proceed=True)
        deadline = time.monotonic() + 60
        while not change.final and time.monotonic() < deadline:
            drain(workspace, run_order)
            change = Register(workspace).get(change.id).change
            time.sleep(0.01)
        return change

    with ThreadPoolExecutor(CLIENTS) as pool:
        changes = list(pool.map(client, range(CLIENTS)))
    assert {str(change.status) for change in changes} == {"applied"}
    numbers = {change.id: change.number for change in changes}
    writes = [
        (event.component, numbers[event.change_id or ""])
        for event in system.log.events(action="config_write")
        if event.status == "succeeded"
    ]
    assert len(writes) == CLIENTS
    site = [number for component, number in writes if component in {"a/one", "b/two"}]
    assert site == sorted(site)
    assert sum(key.startswith("by_") for a in ADDRESSES for key in system.config(a)) == CLIENTS
    assert system.log.verify().verified


def test_a_run_for_a_change_that_another_process_took_up_ends_as_that_does() -> None:
    """A reconciler may apply a change between the order of its run and the run: that is no failure."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1})
    system.deploy()
    change = request(system.workspace, {"component": "a/one", "proposed_change": {"size": 2}}, proceed=True)
    began, go_on = threading.Event(), threading.Event()

    def slow(order: Order, workspace: CarryingOut) -> RunResult:
        began.set()
        assert go_on.wait(20)
        return run_order(order, workspace)

    def never(order: Order, workspace: CarryingOut) -> RunResult:
        raise AssertionError(order)

    with ThreadPoolExecutor(2) as pool:
        reconciler = pool.submit(drain, system.workspace, slow)
        assert began.wait(20)
        ordered = pool.submit(carry_on, system.workspace, change.id, never)
        time.sleep(0.2)
        go_on.set()
        assert str(ordered.result(20).status) == "applied"
        assert [str(one.status) for one in reconciler.result(20)] == ["applied"]
