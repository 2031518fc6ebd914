"""Carrying out an order, the same in this process as in a Prefect flow."""

from __future__ import annotations

from msgspec.structs import replace

from karma_core.needs import CarryingOut, Running
from karma_core.use_cases.orders.gate import enforce_policy
from karma_core.use_cases.runs.deploy import deploy, resume
from karma_core.use_cases.runs.deployment import OpenExecutor
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.records import Order, RunResult


def carry_out(order: Order, workspace: CarryingOut, open_executor: OpenExecutor) -> RunResult:
    """Run the use case that the order names, if the policy lets it pass; else the change that it became.

    Errors are those of the gate and of the use case.
    """
    passed = enforce_policy(order, workspace)
    if isinstance(passed, RunResult):
        return passed
    result = _run(passed.order, passed.workspace, open_executor)
    return replace(result, warnings=(*passed.warnings, *result.warnings)) if passed.warnings else result


def _run(order: Order, workspace: Running, open_executor: OpenExecutor) -> RunResult:
    if order.kind == "destroy":
        return destroy(workspace, order.selection, open_executor, plan_id=order.plan_id)
    if order.kind == "resume":
        return resume(workspace, order.run_id, open_executor, plan_id=order.plan_id)
    return deploy(
        workspace,
        order.selection,
        open_executor,
        plan_id=order.plan_id,
        allow_blocked=order.allow_blocked,
    )
