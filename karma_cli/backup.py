"""`karma backup` and `karma restore`: all that an environment keeps, in one file and back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import render, streams
from karma_cli.options import Env, Json, ProjectDir, open_for, settings_of

if TYPE_CHECKING:
    from karma_core.use_cases.backup.manifest import Manifest


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog="Examples:\n\n`karma backup --to prod.zip --env prod`\n\n"
        "`karma backup --to s3://backups/prod/monday.zip --env prod`"
    )(backup)
    app.command(
        epilog="Examples:\n\n`karma restore prod.zip --env prod`\n\n"
        "`karma restore s3://backups/prod/monday.zip --env prod --over-existing`"
    )(restore)


def backup(
    to: Annotated[str, typer.Option("--to", metavar="PLACE", help="A new file, or s3://bucket/key.")],
    secure_strings: Annotated[
        bool,
        typer.Option("--with-secure-strings", help="Copy the values of SecureStrings, too, in the clear."),
    ] = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Copy all that an environment keeps to one file, also while it works."""
    from karma_adapters.wiring.backups import others, writing
    from karma_core.use_cases.backup.taking import take

    workspace, settings = open_for(env, project), settings_of(project)
    with writing(settings, workspace.name, to) as file:
        taken = take(workspace, others(settings, workspace.name), file, to=to, secure_strings=secure_strings)
    streams.outcome_is_recorded()
    if as_json:
        render.document({"to": to, **_shown(taken)})
        return
    render.line(f"{taken.environment} is backed up in {to}: {_counted(taken)}.")
    _say_left_out(taken.left_out)


def restore(
    source: Annotated[str, typer.Argument(metavar="BACKUP", help="The file, or s3://bucket/key.")],
    over_existing: Annotated[
        bool, typer.Option("--over-existing", help="Put it in the place of what is there.")
    ] = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Put a backup back into an environment's stores, after all of it has been checked."""
    from karma_adapters.wiring.backups import others, reading
    from karma_core.model import to_builtins
    from karma_core.use_cases.backup.restoring import restore as put_back

    workspace, settings = open_for(env, project, by_token=False), settings_of(project)
    token = os.environ.get("KARMA_TOKEN", "")
    with reading(settings, workspace.name, source) as file:
        result = put_back(
            workspace,
            others(settings, workspace.name),
            file,
            source=source,
            over_existing=over_existing,
            token=token,
        )
    streams.outcome_is_recorded()
    taken = result.manifest
    if as_json:
        said = {name: value for name, value in to_builtins(result).items() if name != "manifest"}
        render.document({"from": source, **_shown(taken), **said})
        return
    render.line(f"{taken.environment} is restored as of {render.local(taken.taken_at)}: {_counted(taken)}.")
    for address in result.newer_states:
        render.note(f"note: the Terraform state of {address} is newer than the backup's, and was kept")
    for address in result.other_states:
        render.note(f"note: the backup has no Terraform state of {address}; the one that is there was kept")
    _say_left_out(taken.left_out)


def _shown(taken: Manifest) -> dict[str, object]:
    """The manifest without its members."""
    from karma_core.model import to_builtins

    shown = {name: value for name, value in to_builtins(taken).items() if name != "members"}
    return {**shown, "members": len(taken.members)}


def _counted(taken: Manifest) -> str:
    counts = taken.counts
    return (
        f"{counts['parameters']} parameters, {counts['applied']} applied components, "
        f"{counts['terraform_states']} Terraform states, {counts['artifacts']} artifacts"
    )


def _say_left_out(names: tuple[str, ...]) -> None:
    for name in names:
        render.note(f"note: the value of the SecureString {name} is not in the backup")
