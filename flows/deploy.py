"""Deploy and destroy as Prefect flows: build, validate, then a task run per component and step."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from flows.artifacts import show_result
from flows.executor import PrefectExecutor
from flows.progress import Progress
from karma_adapters.bootstrap import open_workspace, say_nothing
from karma_adapters.settings import read_settings
from karma_core.ports import Say
from karma_core.use_cases.orders import Order, carry_out
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace
from tasks.steps import build_graph, validate

LISTENER: ContextVar[Say] = ContextVar("listener", default=say_nothing)
"""Who hears the progress of a flow that runs in this process."""
RUNNER: Any = ThreadPoolTaskRunner(max_workers=64)
"""Upper bound of `parallelism`; the walk itself keeps to the environment's setting."""


def open_for_flow(project: str, environment: str, user: str | None, source: str) -> Workspace:
    """The environment that a flow works on; its progress goes to whoever listens in this process."""
    return open_workspace(
        read_settings(Path(project)),
        environment,
        source=source,
        user=user,
        flow_run=flow_run.get_id(),
        say=Progress(LISTENER.get(), environment),
    )


def acting_for(workspace: Workspace, change_id: str | None, cause: str | None) -> Workspace:
    """The workspace whose events name the change that the flow works for, if any."""
    return replace(workspace, actor=replace(workspace.actor, change_id=change_id, cause=cause))


@flow(name="deploy", flow_run_name="deploy {environment}", persist_result=False, task_runner=RUNNER)
def deploy(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    everything: bool = False,
    changed: bool = False,
    since: str | None = None,
    with_producers: bool = False,
    plan_id: str | None = None,
    resume_run: str | None = None,
    requested_by: str | None = None,
    source: str = "flow",
    change_id: str | None = None,
    cause: str | None = None,
) -> dict[str, Any]:
    """Apply components and what must follow from them, in dependency order.

    `targets` are addresses (`vpc/core`); `everything` means all of the environment, `changed` what changed
    in Git since the last deployed commit or `since`. `plan_id` applies that plan exactly; `resume_run` takes
    up a run that ended early; `change_id` and `cause` say for which change it is done, and after which of its
    events. Returns the contract's deploy document.
    """
    workspace = open_for_flow(project, environment, requested_by, source)
    workspace = acting_for(workspace, change_id, cause)
    selection = Selection(
        targets=tuple(targets or ()),
        everything=everything,
        changed=changed or since is not None,
        since=since,
        with_producers=with_producers,
    )
    order = Order(
        kind="resume" if resume_run else "deploy",
        selection=selection,
        plan_id=plan_id,
        run_id=resume_run or "",
    )
    built = build_graph.submit(environment, workspace)
    checked = validate.submit(environment, built)  # type: ignore[call-overload]  # Prefect takes futures
    checked.result()
    result = carry_out(order, workspace, lambda _: PrefectExecutor([checked]))
    show_result(workspace, result)
    return result.contract()


@flow(name="destroy", flow_run_name="destroy {environment}", persist_result=False, task_runner=RUNNER)
def destroy(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    everything: bool = False,
    requested_by: str | None = None,
    source: str = "flow",
    change_id: str | None = None,
    cause: str | None = None,
) -> dict[str, Any]:
    """Destroy components, consumers before producers. Returns the contract's deploy document."""
    workspace = open_for_flow(project, environment, requested_by, source)
    workspace = acting_for(workspace, change_id, cause)
    selection = Selection(targets=tuple(targets or ()), everything=everything)
    result = carry_out(Order(kind="destroy", selection=selection), workspace, lambda _: PrefectExecutor())
    show_result(workspace, result)
    return result.contract()
