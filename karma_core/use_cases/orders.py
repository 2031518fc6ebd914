"""An order to work on components, the same whoever carries it out: this process or a Prefect flow."""

from __future__ import annotations

from typing import Literal

from karma_core.model import Record
from karma_core.use_cases.deploy import OpenExecutor, deploy, resume
from karma_core.use_cases.destroy import destroy
from karma_core.use_cases.runs import RunResult, Selection
from karma_core.workspace import Workspace


class Order(Record, frozen=True, kw_only=True):
    """`deploy` a selection (exactly as plan `plan_id` says, if given), `destroy` it, or `resume` a run.

    `allow_blocked`: deploy although a consumer that works today would be blocked by it (`would-break`).
    """

    kind: Literal["deploy", "destroy", "resume"]
    selection: Selection = Selection()
    plan_id: str | None = None
    allow_blocked: bool = False
    run_id: str = ""


def carry_out(order: Order, workspace: Workspace, open_executor: OpenExecutor) -> RunResult:
    """Do it."""
    if order.kind == "destroy":
        return destroy(workspace, order.selection, open_executor)
    if order.kind == "resume":
        return resume(workspace, order.run_id, open_executor)
    return deploy(
        workspace,
        order.selection,
        open_executor,
        plan_id=order.plan_id,
        allow_blocked=order.allow_blocked,
    )
