"""`karma deploy` and `karma destroy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import exits, progress, render
from karma_cli.options import (
    AutoApprove,
    Env,
    Json,
    OverridePolicy,
    ProjectDir,
    open_for,
    override_of,
    settings_of,
)
from karma_cli.plan import (
    All,
    Changed,
    Exclude,
    SinceRef,
    Types,
    WithProducers,
    Words,
    selection_of,
    show_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

    from karma_core.needs import CarryingOut
    from karma_core.ports import Say
    from karma_core.use_cases.changes.applying import RunOrder
    from karma_core.use_cases.runs.records import Order, RunResult
    from karma_core.use_cases.selection.record import Selection
    from karma_core.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog="Examples:\n\n`karma deploy serverless-site karma-dev`\n\n"
        "`karma deploy vpc/core 'service/*' --exclude service/old`\n\n"
        "`karma deploy --all --env prod --auto-approve`\n\n`karma deploy --changed --json --auto-approve`"
    )(deploy)
    app.command(
        epilog="Examples:\n\n`karma destroy serverless-site karma-dev`\n\n"
        "`karma destroy 'service/*' --exclude service/api`\n\n`karma destroy --all --env dev`"
    )(destroy)


AllowBlocked = Annotated[
    bool,
    typer.Option("--allow-blocked", help="Go on although a consumer that works today would be blocked."),
]
PlanId = Annotated[str | None, typer.Option("--plan", metavar="ID", help="Apply this plan, exactly.")]
Resume = Annotated[
    str | None, typer.Option("--resume", metavar="RUN", help="Take up a run that ended early.")
]
Abandon = Annotated[str | None, typer.Option("--abandon", metavar="RUN", help="Close such a run for good.")]


def deploy(
    words: Words = None,
    types: Types = None,
    exclude: Exclude = None,
    everything: All = False,
    changed: Changed = False,
    since: SinceRef = None,
    with_producers: WithProducers = False,
    plan: PlanId = None,
    resume: Resume = None,
    abandon: Abandon = None,
    allow_blocked: AllowBlocked = False,
    auto_approve: AutoApprove = False,
    override_policy: OverridePolicy = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Apply components and what must follow from them, in dependency order."""
    from msgspec.structs import replace

    from karma_core.use_cases.runs.records import Order

    chosen = any((words, types, exclude, everything, changed, since, with_producers))
    _require_one(chosen=chosen, plan=plan, resume=resume, abandon=abandon)
    override = override_of(override_policy)
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        if abandon is not None:
            _abandon(workspace, abandon, as_json=as_json)
            return
        if resume is not None:
            order = Order(kind="resume", run_id=resume)
        elif plan is not None:
            order = _approve_plan(workspace, plan, auto_approve=auto_approve, as_json=as_json)
        else:
            selection = selection_of(
                words,
                types=types,
                exclude=exclude,
                everything=everything,
                changed=changed,
                since=since,
                with_producers=with_producers,
            )
            order = _approve(
                workspace,
                selection,
                auto_approve=auto_approve,
                allow_blocked=allow_blocked,
                as_json=as_json,
            )
        order = replace(order, override=override, allow_blocked=allow_blocked)
        result = _run(order, workspace, project, say)
    _finish(result, as_json=as_json)


def _require_one(*, chosen: bool, plan: str | None, resume: str | None, abandon: str | None) -> None:
    from karma_core.errors import UsageError

    if sum((chosen, plan is not None, resume is not None, abandon is not None)) > 1:
        raise UsageError(
            "say only one of: components, --plan, --resume, --abandon",
            why="a plan and a run know their components",
            next_step="leave the others out",
        )


def _abandon(workspace: Workspace, run_id: str, *, as_json: bool) -> None:
    from karma_core.use_cases.runs.resume import abandon

    run = abandon(workspace, run_id)
    if as_json:
        render.document({"run_id": run.id, "status": run.status})
    else:
        render.line(f"Run {run.id} is abandoned; the next deploy finds what it left.")


def _approve(
    workspace: Workspace, selection: Selection, *, auto_approve: bool, allow_blocked: bool, as_json: bool
) -> Order:
    """Return the order to run: after confirmation, exactly the plan that was shown."""
    from karma_core.use_cases.plans.breaking import refuse_breaking
    from karma_core.use_cases.plans.plan import plan
    from karma_core.use_cases.runs.records import Order

    if auto_approve:
        return Order(kind="deploy", selection=selection)
    made = plan(workspace, selection)
    if not as_json:
        show_plan(made)
    refuse_breaking(made.findings, allow_blocked=allow_blocked)
    if made.changes:
        _ask("Apply this?", as_json=as_json)
    return Order(kind="deploy", selection=selection, plan_id=made.id)


def _approve_plan(workspace: Workspace, plan_id: str, *, auto_approve: bool, as_json: bool) -> Order:
    from karma_core.use_cases.plans.stored import load_plan
    from karma_core.use_cases.runs.records import Order

    made, selection = load_plan(workspace, plan_id)
    if not auto_approve:
        if not as_json:
            show_plan(made)
        _ask("Apply this?", as_json=as_json)
    return Order(kind="deploy", selection=selection, plan_id=plan_id)


def destroy(
    words: Words = None,
    types: Types = None,
    exclude: Exclude = None,
    everything: All = False,
    auto_approve: AutoApprove = False,
    override_policy: OverridePolicy = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show what would be destroyed, resource by resource, and destroy it after a yes.

    Refused while others that are deployed consume it.
    """
    from msgspec.structs import replace

    selection = selection_of(words, types=types, exclude=exclude, everything=everything)
    override = override_of(override_policy)
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        order = _approve_destroy(workspace, selection, auto_approve=auto_approve, as_json=as_json)
        if order is None:
            result = _nothing_destroyed()
        else:
            result = _run(replace(order, override=override), workspace, project, say)
    _finish(result, as_json=as_json)


def _approve_destroy(
    workspace: Workspace, selection: Selection, *, auto_approve: bool, as_json: bool
) -> Order | None:
    """Return the order to run: after confirmation, exactly the shown plan; None if nothing is deployed."""
    from karma_core.use_cases.plans.destroy_plan import plan_destroy
    from karma_core.use_cases.runs.records import Order
    from karma_core.use_cases.selection.deployed import select_for_destroy

    if not select_for_destroy(workspace, selection):
        return None
    if auto_approve:
        return Order(kind="destroy", selection=selection)
    made = plan_destroy(workspace, selection)
    if not as_json:
        show_plan(made)
    _ask(f"Destroy {len(made.components)} component(s)?", as_json=as_json)
    return Order(kind="destroy", selection=selection, plan_id=made.id)


def _nothing_destroyed() -> RunResult:
    from karma_core.outcomes import RunStatus
    from karma_core.use_cases.runs.records import RunResult

    return RunResult(run_id="", status=RunStatus.SUCCEEDED, components=(), warnings=())


def _ask(question: str, *, as_json: bool) -> None:
    """Go on only after a yes; without a terminal to ask on, nothing is applied."""
    from karma_core.outcomes import RunStatus
    from karma_core.use_cases.runs.records import RunResult

    if not render.confirm(question):
        render.note("Nothing was applied.")
        if as_json:
            render.document(RunResult(run_id="", status=RunStatus.DECLINED, components=()).contract())
        raise typer.Exit(exits.NOT_APPLIED)


def _run(order: Order, workspace: CarryingOut, project: Path | None, say: Say) -> RunResult:
    """Run through the project's orchestrator. Prefect is only loaded where something has to be done."""
    from karma_core.use_cases.orders.carrying_out import carry_out
    from karma_core.use_cases.runs import deploy as deploying
    from karma_core.walk import ThreadExecutor

    settings = settings_of(project)
    if settings.project.orchestrator == "direct":
        return carry_out(order, workspace, ThreadExecutor)
    if order.kind == "deploy" and (idle := deploying.idle(workspace, order.selection)) is not None:
        return idle
    from flows.local import run_flow

    return run_flow(order, settings, workspace, say)


def carry_out_with(project: Path | None, say: Say) -> RunOrder:
    """Return the function that carries out deploys and destroys of changes, by the project's orchestrator."""
    return lambda order, workspace: _run(order, workspace, project, say)


def _finish(result: RunResult, *, as_json: bool) -> None:
    if as_json:
        render.document(result.contract())
    elif not result.run_id and not result.components:
        render.line("Nothing is deployed: there is nothing to destroy.")
    else:
        _show(result)
    codes = {
        "succeeded": exits.DONE,
        "blocked": exits.INVALID,
        "stopped": exits.NOT_APPLIED,
        "waiting": exits.NOT_APPLIED,
        "interrupted": exits.INTERRUPTED,
    }
    code = codes.get(result.status, exits.FAILED)
    if code:
        raise typer.Exit(code)


def _show(result: RunResult) -> None:
    title = f"Change {result.change_id}" if result.change_id else f"Run {result.run_id}"
    render.table(
        f"{title}: {result.status}",
        ("component", "status", "seconds", "why"),
        [(c.address, c.status, f"{c.seconds:.1f}", c.reason) for c in result.components],
    )
    for warning in result.warnings:
        render.note(f"warning: {warning}")
    if result.change_id is not None:
        change_id = result.change_id
        render.line(
            f"Nothing was applied: change {change_id} waits. `karma change show {change_id}` shows it,"
        )
        render.line(
            f"`karma change approve {change_id}` approves it, `karma apply {change_id}` applies it then."
        )
