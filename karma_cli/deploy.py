"""`karma deploy` and `karma destroy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from karma_cli import exits, progress, render
from karma_cli.options import AutoApprove, Env, Json, ProjectDir, open_for, settings_of
from karma_cli.plan import (
    All,
    Changed,
    OneNickname,
    OneType,
    SinceRef,
    WithProducers,
    selection_of,
    show_plan,
)

if TYPE_CHECKING:
    from karma_core.use_cases.runs import RunResult, Selection
    from karma_core.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog="Examples:\n\n`karma deploy serverless-site karma-dev`\n\n"
        "`karma deploy --all --env prod --auto-approve`\n\n`karma deploy --changed --json --auto-approve`"
    )(deploy)
    app.command(
        epilog="Examples:\n\n`karma destroy serverless-site karma-dev`\n\n`karma destroy --all --env dev`"
    )(destroy)


def deploy(
    component_type: OneType = None,
    nickname: OneNickname = None,
    everything: All = False,
    changed: Changed = False,
    since: SinceRef = None,
    with_producers: WithProducers = False,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Apply a component and what must follow from it, in dependency order."""
    from karma_core.use_cases.plan import plan

    selection = selection_of(
        component_type,
        nickname,
        everything=everything,
        changed=changed,
        since=since,
        with_producers=with_producers,
    )
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        if not auto_approve:
            made = plan(workspace, selection)
            if not as_json:
                show_plan(made)
            if made.changes:
                _ask("Apply this?")
        result = _run("deploy", workspace, selection, project, say)
    _finish(result, as_json=as_json)


def destroy(
    component_type: OneType = None,
    nickname: OneNickname = None,
    everything: All = False,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Destroy a component; refused while others that are deployed consume it."""
    from karma_core.use_cases.destroy import select_doomed

    selection = selection_of(
        component_type, nickname, everything=everything, changed=False, since=None, with_producers=False
    )
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        doomed = select_doomed(workspace, selection)
        if not auto_approve:
            render.note("To be destroyed, in this order:\n  " + "\n  ".join(doomed))
            _ask(f"Destroy {len(doomed)} component(s)?")
        result = _run("destroy", workspace, selection, project, say)
    _finish(result, as_json=as_json)


def _ask(question: str) -> None:
    """Go on only after a yes; without a terminal to ask on, nothing is applied."""
    if not typer.confirm(question, err=True):
        render.note("Nothing was applied.")
        raise typer.Exit(exits.NOT_APPLIED)


def _run(
    kind: str, workspace: Workspace, selection: Selection, project: Any, say: Callable[..., None]
) -> RunResult:
    """Run through the project's orchestrator. Prefect is only loaded where something has to be done."""
    from karma_core.use_cases import deploy as deploying
    from karma_core.use_cases import destroy as destroying
    from karma_core.walk import ThreadExecutor

    settings = settings_of(project)
    if settings.project.orchestrator == "direct":
        use_case = deploying.deploy if kind == "deploy" else destroying.destroy
        return use_case(workspace, selection, ThreadExecutor)
    if kind == "deploy" and (idle := deploying.idle(workspace, selection)) is not None:
        return idle
    from flows.local import run_flow

    return run_flow(kind, settings, workspace, selection, say)


def _finish(result: RunResult, *, as_json: bool) -> None:
    if as_json:
        render.document(result.contract())
    else:
        render.table(
            f"Run {result.run_id}: {result.status}",
            ("component", "status", "seconds", "why"),
            [(c.address, c.status, f"{c.seconds:.1f}", c.reason) for c in result.components],
        )
        for warning in result.warnings:
            render.note(f"warning: {warning}")
    codes = {"succeeded": exits.DONE, "stopped": exits.NOT_APPLIED, "interrupted": exits.INTERRUPTED}
    code = codes.get(result.status, exits.FAILED)
    if code:
        raise typer.Exit(code)
