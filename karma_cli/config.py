"""`karma config`: Git and the parameter store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from karma_cli import exits, render, streams
from karma_cli.options import AutoApprove, Env, Json, Nickname, ProjectDir, Type, address_of, open_for
from karma_core.exact_numbers import dumps

if TYPE_CHECKING:
    from karma_core.use_cases.configs.diff import DivergedConfig
    from karma_core.use_cases.configs.differing import Take
    from karma_core.use_cases.configs.publish import PublishResult
    from karma_core.use_cases.configs.pull import Pulled, PullResult

TakeGit = Annotated[
    list[str] | None,
    typer.Option(
        "--take-git", metavar="ADDRESS", help="Of this diverged config, Git's edits win; repeatable."
    ),
]
TakeStore = Annotated[
    list[str] | None,
    typer.Option(
        "--take-store", metavar="ADDRESS", help="Of this diverged config, the store's edits win; repeatable."
    ),
]

app = typer.Typer(help="Move configs between Git and the parameter store.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n`karma config publish --env prod`\n\n`karma config publish --dry-run --json`\n\n"
    "`karma config publish --prune`\n\n`karma config publish --as-change --reason 'release 12'`\n\n"
    "`karma config publish --take-git vpc/core`"
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
    reread: Annotated[
        bool, typer.Option("--reread", help="Read everything again, and write damaged configs anew.")
    ] = False,
    as_change: Annotated[
        bool, typer.Option("--as-change", help="Request it all as one change: planned, approved, deployed.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", "-r", help="With --as-change: why.")] = "",
    auto_approve: AutoApprove = False,
    take_git: TakeGit = None,
    take_store: TakeStore = None,
    as_json: Json = False,
) -> None:
    """Write changed configs from Git to the parameter store, each with its commit and path."""
    from karma_core.model import to_builtins
    from karma_core.use_cases.configs import publish as use_case

    take = _take(take_git, take_store)
    if as_change:
        _refuse(["--reread"] * reread + ["--yes"] * yes, "with --as-change, which writes nothing itself")
        _request(
            env,
            project,
            prune=prune,
            reason=reason,
            dry_run=dry_run,
            take=take,
            auto_approve=auto_approve,
            as_json=as_json,
        )
        return
    _refuse(["--reason"] * bool(reason) + ["--auto-approve"] * auto_approve, "without --as-change")

    def ask(addresses: Sequence[str]) -> bool:
        return render.confirm(f"Delete the configs of {', '.join(addresses)}?")

    workspace = open_for(env, project)
    result = use_case.publish(
        workspace, dry_run=dry_run, prune=prune, assume_yes=yes, confirm=ask, take=take, reread=reread
    )
    if not dry_run:
        streams.outcome_is_recorded()
    if as_json:
        render.document(to_builtins(result))
    else:
        _show_published(result)
    if result.diverged:
        raise typer.Exit(exits.NOT_APPLIED)


def _refuse(options: list[str], where: str) -> None:
    """UsageError where an option was given that would have no effect."""
    from karma_core.errors import UsageError

    if options:
        raise UsageError(
            f"{options[0]} has no effect {where}", next_step=f"leave {' and '.join(options)} out"
        )


def _take(take_git: list[str] | None, take_store: list[str] | None) -> Take:
    from karma_core.use_cases.configs.differing import Take

    return Take(git=frozenset(take_git or ()), store=frozenset(take_store or ()))


def _show_published(result: PublishResult) -> None:
    done = "would be written" if result.dry_run else "written"
    merged = f"{done}, merged with a change's edits; see karma config diff"
    rows = [(a, merged if a in result.merged else done, result.versions.get(a)) for a in result.written]
    rows += [(a, _deleted("pruned", a, result), None) for a in result.pruned]
    rows += [
        (k.address, f"{_deleted('gone from Git', k.address, result)}, kept: {k.reason}", None)
        for k in result.kept
    ]
    rows += [(a, "ahead of Git; see karma config diff", None) for a in result.ahead_of_git]
    rows += [(a, "diverged: held; see karma config diff", None) for a in result.diverged]
    rows += [(a, "in Git, not checked out here", None) for a in result.not_checked_out]
    gone = set(result.removed_from_git) - set(result.pruned) - {k.address for k in result.kept}
    rows += [(a, f"{_deleted('gone from Git', a, result)}; --prune deletes it", None) for a in sorted(gone)]
    if rows:
        render.table("", ("component", "config", "version"), sorted(rows, key=lambda row: str(row[0])))
    render.findings(result.findings)
    for need in result.needs:
        render.note(f"needs an approval: {need}")
    render.line(f"{len(result.written)} written, {len(result.unchanged)} unchanged in {result.environment}.")


def _deleted(word: str, address: str, result: PublishResult) -> str:
    """What happened to a config, and that its deletion is not committed where HEAD still holds it."""
    return f"{word} (deleted here, not committed)" if address in result.deletions_uncommitted else word


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
        render.text(dumps(shown.config, indent=2))
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
    for merged in comparison.merged:
        rows += [(merged.address, "merges Git's edit", _difference(d)) for d in merged.from_git]
        rows += [(merged.address, "merges a change's edit", _difference(d)) for d in merged.from_store]
    rows += [(a, "not checked out", "") for a in comparison.not_checked_out]
    if rows:
        render.table("", ("component", "", "difference"), sorted(rows))
    if comparison.diverged:
        _show_diverged(comparison.diverged)
    if comparison.empty:
        render.line("Git and the parameter store are the same.")


def _show_diverged(diverged: Sequence[DivergedConfig]) -> None:
    """The three-way view: what each place was, what Git has, and what the store has."""
    from karma_core.model import to_builtins

    rows = []
    for config in diverged:
        for place in map(to_builtins, config.places):
            sides = [repr(place[side]) if side in place else "absent" for side in ("base", "git", "store")]
            rows.append((config.address, place["pointer"] or "(all)", *sides))
    render.table("Diverged", ("component", "place", "last common", "Git", "store"), rows)


@app.command(
    epilog="Examples:\n\n`karma config pull`\n\n`karma config pull --dry-run --json`\n\n"
    "`karma config pull --take-store vpc/core`"
)
def pull(
    env: Env = None,
    project: ProjectDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    take_git: TakeGit = None,
    take_store: TakeStore = None,
    as_json: Json = False,
) -> None:
    """Write to the work tree what changes have moved, so that it can be committed."""
    from karma_core.model import to_builtins
    from karma_core.use_cases.configs.pull import pull as use_case

    result = use_case(open_for(env, project), dry_run=dry_run, take=_take(take_git, take_store))
    if not dry_run:
        streams.outcome_is_recorded()
    if as_json:
        render.document(to_builtins(result))
    else:
        _show_pulled(result)
    if result.diverged:
        raise typer.Exit(exits.NOT_APPLIED)


def _show_pulled(result: PullResult) -> None:
    rows = [(p.address, p.path, _how_pulled(p)) for p in result.pulled]
    rows += [(a, "", "diverged: held; see karma config diff") for a in result.diverged]
    rows += [(a, "", "in Git, not checked out here") for a in result.not_checked_out]
    if rows:
        render.table("", ("component", "file", ""), sorted(rows))
    render.findings(result.findings)
    said = "would be brought" if result.dry_run else "brought"
    render.line(f"{len(result.pulled)} config(s) {said} to the work tree of {result.environment}.")


def _how_pulled(pulled: Pulled) -> str:
    if pulled.merged:
        return "merged: the file's own edits stay"
    return "removed" if pulled.removed else "written"


def _difference(difference: object) -> str:
    from karma_core.model import to_builtins

    body = to_builtins(difference)
    return f"{body['pointer']}: {body.get('before')!r} → {body.get('after')!r}"
