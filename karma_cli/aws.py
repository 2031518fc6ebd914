"""`karma aws`: what an environment needs in AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from karma_cli import exits, render
from karma_cli.options import AutoApprove, Env, Json, ProjectDir, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from karma_adapters.aws.creation import Made

app = typer.Typer(help="Create what an environment's stores need in AWS.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `create` a command of its group while it is the only one."""


@app.command(epilog="Examples:\n\n`karma aws create --env prod`\n\n`karma aws create --auto-approve --json`")
def create(
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Create the tables and buckets that the settings name; what exists is left as it is."""
    from karma_adapters.wiring.bootstrap import open_creation

    settings = settings_of(project)
    creation, wanted = open_creation(settings, env)
    places = creation.look(wanted)
    missing = [made for made in places if made.status == "missing"]
    if missing and not auto_approve:
        render.note("To be created:\n  " + "\n  ".join(f"{m.kind} {m.name}" for m in missing))
        if not render.confirm(f"Create {len(missing)}?"):
            render.note("Nothing was created.")
            raise typer.Exit(exits.NOT_APPLIED)
    _show(settings.choose_environment(env).name, creation.create(wanted), as_json=as_json)


def _show(environment: str, made: Sequence[Made], *, as_json: bool) -> None:
    from karma_core.model import to_builtins

    if as_json:
        render.document({"environment": environment, "places": to_builtins(made)})
        return
    if not made:
        render.line(f"No store of {environment} is in AWS: nothing is needed there.")
        return
    render.table(
        "", ("kind", "name", "for", "status"), [(m.kind, m.name, ", ".join(m.uses), m.status) for m in made]
    )
