"""Options that many commands share, and the workspace that they open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from karma_adapters.wiring.settings import Settings
    from karma_core.ports import Say
    from karma_core.workspace import Workspace

Env = Annotated[str | None, typer.Option("--env", "-e", help="Environment; else KARMA_ENV or the default.")]
ProjectDir = Annotated[
    Path | None,
    typer.Option("--project", "-p", help="Folder with the karma.toml; else found from here upwards."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask before applying.")]
OverridePolicy = Annotated[
    str | None,
    typer.Option(
        "--override-policy",
        metavar="REASON",
        help="Set freezes and approvals aside, for whom the policy names; it stands in the log.",
    ),
]
Type = Annotated[
    str, typer.Argument(metavar="TYPE", help="Component type, e.g. serverless-site, or all of TYPE/NICKNAME.")
]
Nickname = Annotated[
    str | None, typer.Argument(metavar="NICKNAME", help="The component's nickname, e.g. karma-dev.")
]


def project_root(project: Path | None) -> Path:
    """The project's folder: the option, else KARMA_PROJECT_DIR, else found from here upwards."""
    from karma_adapters.wiring.reading import find_project
    from karma_core.errors import UsageError

    chosen = project or (Path(os.environ["KARMA_PROJECT_DIR"]) if "KARMA_PROJECT_DIR" in os.environ else None)
    if chosen is None:
        return find_project(Path.cwd())
    if not chosen.is_dir():
        raise UsageError(f"{chosen} is not a folder", next_step="name the folder that holds karma.toml")
    return chosen.resolve()


def override_of(reason: str | None) -> str:
    """The reason of --override-policy, empty where it is not given; UsageError for one that says nothing."""
    from karma_core.errors import UsageError

    if reason is not None and not reason.strip():
        raise UsageError(
            "--override-policy needs a reason", next_step="say why; it stands in the log for everybody"
        )
    return (reason or "").strip()


def address_of(component_type: str, nickname: str | None) -> str:
    """The address that the arguments name, in two words or in one, as every table prints it."""
    from karma_core import ids
    from karma_core.errors import UsageError

    if nickname is not None:
        return ids.make_address(component_type, nickname)
    if "/" not in component_type:
        raise UsageError(
            "a component needs both its type and its nickname",
            next_step="write it like `serverless-site karma-dev` or serverless-site/karma-dev",
        )
    return str(ids.Address.parse(component_type))


def settings_of(project: Path | None) -> Settings:
    """The project's settings."""
    from karma_adapters.wiring.reading import read_settings

    return read_settings(project_root(project))


def open_for(
    env: str | None, project: Path | None, say: Say | None = None, *, by_token: bool = True
) -> Workspace:
    """The workspace that a command works on, as whom KARMA_TOKEN proves, if looked at."""
    from karma_adapters.wiring.bootstrap import open_for_person
    from karma_adapters.wiring.stores import say_nothing

    return open_for_person(settings_of(project), env, say=say or say_nothing, by_token=by_token)
