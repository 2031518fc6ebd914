"""`karma change approve`, `reject`, `cancel` and `retry`: what people decide on a change."""

from __future__ import annotations

from typing import Annotated

import typer

from karma_cli import progress
from karma_cli.change_outcome import ChangeId, Why, finish, go_on
from karma_cli.options import AutoApprove, Env, Json, ProjectDir, open_for

app = typer.Typer()
"""Its commands are added to those of `karma change`."""


@app.command(epilog="Example:\n\n`karma change approve 01JD2Z3V7Q --reason 'seen with the team'`")
def approve(
    change_id: ChangeId,
    reason: Why = "",
    digest: Annotated[
        str | None, typer.Option("--digest", help="Only the plan with this digest, as shown.")
    ] = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Approve the plan that a change shows; `karma apply` applies it."""
    from karma_core.use_cases.changes import decisions

    workspace = open_for(env, project)
    change = decisions.approve(workspace, change_id, why=reason, digest=digest)
    finish(workspace, change, as_json=as_json, decided=True)


@app.command(epilog="Example:\n\n`karma change reject 01JD2Z3V7Q --reason 'not before the sale'`")
def reject(
    change_id: ChangeId,
    reason: Why = "",
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Say no to a change."""
    from karma_core.use_cases.changes import decisions

    workspace = open_for(env, project)
    change = decisions.reject(workspace, change_id, why=reason)
    finish(workspace, change, as_json=as_json, decided=True)


@app.command(epilog="Example:\n\n`karma change cancel 01JD2Z3V7Q`")
def cancel(
    change_id: ChangeId,
    reason: Why = "",
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Take a change back that is not being applied."""
    from karma_core.use_cases.changes import decisions

    workspace = open_for(env, project)
    change = decisions.cancel(workspace, change_id, why=reason)
    finish(workspace, change, as_json=as_json, decided=True)


@app.command(epilog="Example:\n\n`karma change retry 01JD2Z3V7Q`")
def retry(
    change_id: ChangeId,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Try a change again that failed or was stopped: judged, planned and approved anew."""
    from karma_core.use_cases.changes import decisions

    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        change = decisions.retry(workspace, change_id)
        change = go_on(workspace, change, project, say, auto_approve=auto_approve, as_json=as_json)
    finish(workspace, change, as_json=as_json)
