"""Carry out one run on each of many random systems as a Prefect flow; prints what each came to, as JSON.

`python -m tests.integration.runner_matrix FOLDER SYSTEMS` starts a Prefect server with its database there.
All systems run in one flow, each step as a task run, so that their number costs no more than their tasks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.server import temporary_server
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.use_cases.changes.drain import carry_on
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.orders.parameters import order_from, parameters_of
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.workspace import Workspace
from tests.change_system import run_order
from tests.random_systems import DEPLOYED, WAYS, RandomSystem

Run = Callable[[Order, Workspace], RunResult]
CASES = [(deployed, way) for deployed in DEPLOYED for way in (*WAYS, "destroy", "change", "rollback")]


def case_of(seed: int) -> tuple[RandomSystem, str, dict[str, Any]]:
    """The seed's system with one of the cases in turn, and the flow and parameters by which it is run."""
    deployed, way = CASES[seed % len(CASES)]
    system = RandomSystem(seed, deployed)
    if way in {"change", "rollback"}:
        change_id = _approved_change(system, undo=way == "rollback")
        system.forget()
        return system, "change-run", {"change_id": change_id}
    if way == "destroy":
        return system, way, parameters_of(Order(kind="destroy", selection=Selection(everything=True)))
    return system, "deploy", parameters_of(system.order(way))


def _approved_change(system: RandomSystem, *, undo: bool) -> str:
    """A change of the seed's target or, once that was applied, the change that takes it back."""
    change = system.request(system.selection("target").targets[0], proposed_change={"size": 20})
    if undo and change.status is State.APPROVED:
        change = system.roll_back(system.apply(change))
    if change.status is State.AWAITING_APPROVAL:
        change = system.approve(change)
    return change.id


def ended(seed: int, run: Run) -> list[Any]:
    """[address → status or the code of the refusal, what Terraform applied], with this way to run it."""
    system, flow, parameters = case_of(seed)
    ends: dict[str, str] = {}

    def noted(order: Order, workspace: Workspace) -> RunResult:
        result = run(order, workspace)
        ends.update((outcome.address, outcome.status) for outcome in result.components)
        return result

    try:
        if flow == "change-run":
            carry_on(system.workspace, parameters["change_id"], noted)
        else:
            noted(order_from(flow, parameters), system.workspace)  # type: ignore[arg-type]  # deploy, destroy
    except Refused as error:
        return [error.code, sorted(system.applied_here())]
    return [ends, sorted(system.applied_here())]


def directly(seed: int) -> list[Any]:
    """`ended` of the walk in this process."""
    return ended(seed, run_order)


def main(folder: str, systems: int) -> None:
    """Run them all and print what `ended` gives, a line for each seed."""
    with temporary_server(Path(folder)):
        from prefect import flow  # noqa: PLC0415 - imports Prefect, after its settings are made

        from flows.deploy import RUNNER  # noqa: PLC0415
        from flows.executor import PrefectExecutor  # noqa: PLC0415

        def run(order: Order, workspace: Workspace) -> RunResult:
            return carry_out(order, workspace, lambda _: PrefectExecutor())

        @flow(name="runner-matrix", task_runner=RUNNER, persist_result=False)
        def matrix() -> None:
            for seed in range(systems):
                sys.stdout.write(json.dumps(ended(seed, run)) + "\n")

        matrix()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
