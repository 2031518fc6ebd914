"""Deploy and destroy as Prefect flows: build, validate, then a task run per component and step."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from flows.artifacts import show_page, show_result
from flows.executor import PrefectExecutor
from flows.hooks import ON_END
from flows.limits import place
from flows.lost_server import only_shown
from flows.own_project import require_own_project
from flows.progress import Progress
from flows.stamped_log import stamped
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.stores import say_nothing
from karma_core.json_types import JsonObject
from karma_core.ports import Say
from karma_core.use_cases.access.vouching import ordered_by, require_order
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.orders.parameters import order_from
from karma_core.use_cases.runs.records import RunResult
from karma_core.workspace import Workspace
from tasks.steps import build_graph, validate

LISTENER: ContextVar[Say] = ContextVar("listener", default=say_nothing)
"""Who hears the progress of a flow that runs in this process."""
OUTCOME: ContextVar[list[JsonObject] | None] = ContextVar("outcome", default=None)
"""Where a flow that runs in this process leaves its result, once Karma has recorded it."""
FLOW: Final = "flow"
SCHEDULE: Final = "schedule"
"""The sources of runs that nobody ordered through Karma: by a form or Prefect's API, and by a schedule."""
RUNNER: Any = ThreadPoolTaskRunner(max_workers=64)
"""Upper bound of `parallelism`; the walk itself keeps to the environment's setting."""


def open_for_flow(
    project: str, environment: str, user: str | None, source: str, order: str | None = None
) -> Workspace:
    """The environment that a flow works on; its progress goes to whoever listens in this process.

    Who acts is what `order` vouches for, for this flow run with its parameters; else the worker itself.
    Refused, logged as denied, where the project is not the worker's, where `user` or `source` say who asks
    and no order does, and where the order is not for this run.
    """
    require_own_project(project, environment)
    flow_run_id = flow_run.get_id() or ""
    name, given = flow_run.get_flow_name() or "", flow_run.get_parameters()
    opened = open_workspace(
        read_settings(Path(project)),
        environment,
        source=source if order or source == SCHEDULE else FLOW,
        user=user if order else None,
        flow_run=flow_run_id or None,
        say=Progress(LISTENER.get(), environment),
    )
    require_order(opened, name, given)
    workspace = opened.acting_as(ordered_by(opened, order or "", name, given, flow_run_id))
    return stamped(workspace, flow_run_id) if flow_run_id else workspace


def acting_for(workspace: Workspace, change_id: str | None, cause: str | None) -> Workspace:
    """The workspace whose events name the change that the flow works for, if any."""
    return workspace.acting_as(replace(workspace.actor, change_id=change_id, cause=cause))


@flow(name="deploy", flow_run_name="deploy {environment}", persist_result=False, task_runner=RUNNER, **ON_END)
def deploy(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    types: list[str] | None = None,
    exclude: list[str] | None = None,
    everything: bool = False,
    changed: bool = False,
    since: str | None = None,
    with_producers: bool = False,
    plan_id: str | None = None,
    resume_run: str | None = None,
    requested_by: str | None = None,
    source: str = "flow",
    order: str | None = None,
    change_id: str | None = None,
    cause: str | None = None,
    allow_blocked: bool = False,
    override_policy: str = "",
) -> JsonObject:
    """Apply components and what must follow from them, in dependency order.

    Exactly one of `targets` (and `types`), `everything`, `changed` (or `since`) and `resume_run` says what to
    work on; `plan_id` binds it to a stored plan. Returns the contract's deploy document. Where the policy
    wants an approval, nothing is applied yet: the status is `waiting`, and `change_id` names the change that
    waits for it.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        targets: Addresses or patterns, e.g. vpc/core or vpc/*; what depends on them follows.
        types: Component types, all of their components.
        exclude: Addresses or patterns that are left out.
        everything: All components of the environment.
        changed: What differs itself from what was applied.
        since: What changed in Git since this commit.
        with_producers: Deploy what the targets need, too.
        plan_id: Apply this stored plan, exactly.
        resume_run: Take up this run, which ended early.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.
        change_id: For which change it is done.
        cause: Id of the event of the log that led to it.
        allow_blocked: Go on although a consumer that works today would be blocked.
        override_policy: Why freezes and approvals are set aside; for whom the policy names.

    """
    asked = order_from(
        "deploy",
        {
            "targets": targets,
            "types": types,
            "exclude": exclude,
            "everything": everything,
            "changed": changed,
            "since": since,
            "with_producers": with_producers,
            "plan_id": plan_id,
            "resume_run": resume_run,
            "allow_blocked": allow_blocked,
            "override_policy": override_policy,
        },
    )
    workspace = open_for_flow(project, environment, requested_by, source, order)
    workspace = acting_for(workspace, change_id, cause)
    with place("deploy", environment):
        built = build_graph.submit(environment, workspace)
        checked = validate.submit(environment, built)  # type: ignore[call-overload]  # Prefect takes futures
        checked.result()
        result = carry_out(asked, workspace, lambda _: PrefectExecutor([checked]))
    return _shown(project, workspace, result)


@flow(
    name="destroy", flow_run_name="destroy {environment}", persist_result=False, task_runner=RUNNER, **ON_END
)
def destroy(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    types: list[str] | None = None,
    exclude: list[str] | None = None,
    everything: bool = False,
    plan_id: str | None = None,
    requested_by: str | None = None,
    source: str = "flow",
    order: str | None = None,
    change_id: str | None = None,
    cause: str | None = None,
    allow_blocked: bool = False,
    override_policy: str = "",
) -> JsonObject:
    """Destroy components, consumers before producers. Returns the contract's deploy document.

    Where the policy wants an approval, nothing is destroyed yet: the status is `waiting`, and `change_id`
    names the change that waits for it.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        targets: Addresses or patterns, e.g. vpc/core or vpc/*.
        types: Component types, all of their components.
        exclude: Addresses or patterns that are left out.
        everything: All components of the environment.
        plan_id: Destroy no resource that this plan does not show.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.
        change_id: For which change it is done.
        cause: Id of the event of the log that led to it.
        allow_blocked: The change that orders it may leave a consumer blocked.
        override_policy: Why freezes and approvals are set aside; for whom the policy names.

    """
    asked = order_from(
        "destroy",
        {
            "targets": targets,
            "types": types,
            "exclude": exclude,
            "everything": everything,
            "plan_id": plan_id,
            "allow_blocked": allow_blocked,
            "override_policy": override_policy,
        },
    )
    workspace = open_for_flow(project, environment, requested_by, source, order)
    workspace = acting_for(workspace, change_id, cause)
    with place("deploy", environment):
        result = carry_out(asked, workspace, lambda _: PrefectExecutor())
    return _shown(project, workspace, result)


def _shown(project: str, workspace: Workspace, result: RunResult) -> JsonObject:
    """Leave what there is to see of a run, or of the change that it has become; its document."""
    outcome = OUTCOME.get()
    if outcome is not None:
        outcome.append(result.contract())
    with only_shown():
        if result.change_id is not None:
            show_page(project, workspace.name, "changes", result.change_id)
        elif result.run_id:  # else nothing was there to be destroyed
            show_result(workspace, result)
            show_page(project, workspace.name, "runs", result.run_id)
    return result.contract()
