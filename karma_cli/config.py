"""`karma config`: Git and the parameter store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from karma_cli import render
from karma_cli.options import AutoApprove, Env, Json, Nickname, ProjectDir, Type, address_of, open_for

app = typer.Typer(help="Move configs between Git and the parameter store.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n`karma config publish --env prod`\n\n`karma config publish --dry-run --json`\n\n"
    "`karma config publish --prune`\n\n`karma config publish --as-change --reason 'release 12'`"
)
def publish(
    env: Env = None,
    project: ProjectDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete parameters of configs gone from Git.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a mass deletion.")] = False,
    as_change: Annotated[
        bool, typer.Option("--as-change", help="Request it all as one change: planned, approved, deployed.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", "-r", help="With --as-change: why.")] = "",
    auto_approve: AutoApprove = False,
    as_json: Json = False,
) -> None:
    """Write changed configs from Git to the parameter store, each with its commit and path."""
    from karma_core.model import to_builtins
    from karma_core.use_cases.configs import publish as use_case

    if as_change:
        _request(
            env,
            project,
            prune=prune,
            reason=reason,
            dry_run=dry_run,
            auto_approve=auto_approve,
            as_json=as_json,
        )
        return

    def ask(addresses: Sequence[str]) -> bool:
        return render.confirm(f"Delete the configs of {', '.join(addresses)}?")

    workspace = open_for(env, project)
    result = use_case.publish(workspace, dry_run=dry_run, prune=prune, assume_yes=yes, confirm=ask)
    if as_json:
        render.document(to_builtins(result))
        return
    rows = [
        (a, "written" if not dry_run else "would be written", result.versions.get(a)) for a in result.written
    ]
    rows += [(a, "pruned", None) for a in result.pruned]
    rows += [(k.address, f"gone from Git, kept: {k.reason}", None) for k in result.kept]
    rows += [(a, "ahead of Git; see karma config diff", None) for a in result.ahead_of_git]
    gone = set(result.removed_from_git) - set(result.pruned) - {k.address for k in result.kept}
    rows += [(a, "gone from Git; --prune deletes it", None) for a in sorted(gone)]
    if rows:
        render.table("", ("component", "config", "version"), sorted(rows, key=lambda row: str(row[0])))
    render.findings(result.findings)
    for need in result.needs:
        render.note(f"needs an approval: {need}")
    render.line(f"{len(result.written)} written, {len(result.unchanged)} unchanged in {result.environment}.")


def _request(
    env: str | None, project: Path | None, *, auto_approve: bool, as_json: bool, **options: Any
) -> None:
    from karma_cli import progress
    from karma_cli.change_outcome import finish, go_on
    from karma_core.use_cases.changes.git_request import request_from_git

    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        change = request_from_git(workspace, proceed=auto_approve, **options)
        change = go_on(workspace, change, project, say, auto_approve=auto_approve, as_json=as_json)
    finish(workspace, change, as_json=as_json)


@app.command(epilog="Examples:\n\n`karma config show vpc core`\n\n`karma config show vpc core --version 3`")
def show(
    component_type: Type,
    nickname: Nickname = None,
    env: Env = None,
    project: ProjectDir = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="An earlier version.")] = None,
    as_json: Json = False,
) -> None:
    """Show a config as the parameter store has it, with its provenance and versions."""
    import json

    from karma_core.model import to_builtins
    from karma_core.use_cases.configs.show import show as use_case

    address = address_of(component_type, nickname)
    shown = use_case(open_for(env, project), address, version)
    if as_json:
        render.document(to_builtins(shown))
        return
    render.line(f"{shown.parameter}, version {shown.version}")
    if shown.secret:
        render.line("It is secret, and never shown.")
    else:
        render.text(json.dumps(shown.config, indent=2, ensure_ascii=False))
    rows = [
        (
            v.version,
            render.local(v.modified_at),
            v.provenance and v.provenance.commit,
            v.provenance and v.provenance.path,
        )
        for v in shown.history
    ]
    render.table("", ("version", "written", "commit", "path"), rows)


@app.command(epilog="Example:\n\n`karma config diff --env prod`")
def diff(env: Env = None, project: ProjectDir = None, as_json: Json = False) -> None:
    """Show how Git differs from the parameter store."""
    from karma_core.model import to_builtins
    from karma_core.use_cases.configs.diff import diff as use_case

    comparison = use_case(open_for(env, project))
    if as_json:
        render.document(to_builtins(comparison))
        return
    rows: list[tuple[str, str, str]] = [(a, "added", "") for a in comparison.added]
    rows += [(a, "removed", "") for a in comparison.removed]
    for changed in comparison.changed:
        rows += [(changed.address, "changed", str(d)) for d in map(_difference, changed.differences)]
    for ahead in comparison.ahead_of_git:
        rows += [(ahead.address, "ahead of Git", str(d)) for d in map(_difference, ahead.differences)]
    if rows:
        render.table("", ("component", "", "difference"), sorted(rows))
    else:
        render.line("Git and the parameter store are the same.")


@app.command(epilog="Examples:\n\n`karma config pull`\n\n`karma config pull --dry-run --json`")
def pull(
    env: Env = None,
    project: ProjectDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    as_json: Json = False,
) -> None:
    """Write to the work tree what changes have moved, so that it can be committed."""
    from karma_core.model import to_builtins
    from karma_core.use_cases.configs.pull import pull as use_case

    result = use_case(open_for(env, project), dry_run=dry_run)
    if as_json:
        render.document(to_builtins(result))
        return
    rows = [(p.address, p.path, "removed" if p.removed else "written") for p in result.pulled]
    if rows:
        render.table("", ("component", "file", ""), rows)
    said = "would be brought" if dry_run else "brought"
    render.line(f"{len(rows)} config(s) {said} to the work tree of {result.environment}.")


def _difference(difference: object) -> str:
    from karma_core.model import to_builtins

    body = to_builtins(difference)
    return f"{body['pointer']}: {body.get('before')!r} → {body.get('after')!r}"
