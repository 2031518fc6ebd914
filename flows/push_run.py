"""A push to Git as a Prefect flow: started by the webhook, one change of all configs that it touched."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.deploy import RUNNER, open_for_flow
from flows.executor import PrefectExecutor
from karma_core.use_cases.changes.push import take_up_push
from karma_core.use_cases.changes.reading import result_of
from karma_core.use_cases.orders import Order, carry_out
from karma_core.use_cases.runs import RunResult
from karma_core.workspace import Workspace


@flow(name="push-run", flow_run_name="push {environment}", persist_result=False, task_runner=RUNNER)
def push_run(
    project: str,
    environment: str,
    addresses: list[str],
    commit: str,
    author: str = "",
    message: str = "",
    requested_by: str | None = None,
    source: str = "webhook",
) -> dict[str, Any] | None:
    """Request the change that a push asks for, and apply it where no rule holds it.

    `addresses` are the components whose config files the push touched, `commit` is where they are read; the
    project is a clone that has it or can fetch it. Returns the result document; None where the parameter
    store has what Git has.
    """
    workspace = open_for_flow(project, environment, requested_by, source)
    change = take_up_push(workspace, addresses, _run, commit=commit, author=author, message=message)
    return result_of(workspace, change) if change is not None else None


def _run(order: Order, workspace: Workspace) -> RunResult:
    """The deploy or destroy of the change as task runs of this flow run."""
    return carry_out(order, workspace, lambda _: PrefectExecutor())
