"""One client: asks for a change, then moves the queue until its change has ended. Prints change and status.

Usage: python -m tests.e2e.change_client PROJECT ENVIRONMENT COMPONENT NUMBER
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.use_cases.changes.drain import drain
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.change_system import request

PATIENCE_SECONDS = 1500
"""Far more than fifty changes take, one after the other, on a busy machine."""


def run_order(order: Order, workspace: Workspace) -> RunResult:
    """Deploy or destroy in threads of this process."""
    return carry_out(order, workspace, ThreadExecutor)


def main(project: str, environment: str, component: str, number: str) -> None:
    """Ask, and go on until the change is final."""
    workspace = open_workspace(read_settings(Path(project)), environment, user=f"client-{number}")
    body = {
        "component": component,
        "proposed_change": {f"by_{number}": int(number)},
        "idempotency_key": f"client-{number}",
    }
    deadline = time.monotonic() + PATIENCE_SECONDS
    change = request(workspace, body, proceed=True)
    while not change.final and time.monotonic() < deadline:
        drain(workspace, run_order)
        change = Register(workspace).get(change.id).change
        time.sleep(random.uniform(0.05, 0.3))
    sys.stdout.write(json.dumps({"change_id": change.id, "status": str(change.status), "why": change.why}))


if __name__ == "__main__":
    main(*sys.argv[1:])
