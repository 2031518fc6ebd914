"""Many clients at once against one environment."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from karma_core.changes.record import Change
from karma_core.use_cases.changes.drain import drain
from karma_core.use_cases.changes.register import Register
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
