"""`karma up`: service mode on this machine."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import render
from karma_cli.options import Json, ProjectDir, settings_of
from karma_core.json_types import JsonObject

if TYPE_CHECKING:
    from karma_service.up import Kind


class PartName(StrEnum):
    """What `--only` may name."""

    SERVER = "server"
    WORKER = "worker"
    API = "api"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog="Examples:\n\n`karma up`\n\n`karma up --only worker --project infrastructure`\n\n"
        "`karma up --status --json`"
    )(up)


Only = Annotated[
    list[PartName] | None,
    typer.Option("--only", help="Run only this part; may be given more than once."),
]
Status = Annotated[
    bool,
    typer.Option("--status", help="Say what runs, with the password of Prefect's pages, and start nothing."),
]


def up(only: Only = None, status: Status = False, project: ProjectDir = None, as_json: Json = False) -> None:
    """Run Prefect server, workers and API until Ctrl-C, with one log on standard error."""
    from karma_service import up as service

    settings = settings_of(project)
    if status:
        _show(service.status(settings), as_json=as_json)
        return
    chosen: list[Kind] = [part.value for part in only or ()]
    service.up(settings, chosen, lambda document: _show(document, as_json=True) if as_json else None)


def _show(document: JsonObject, *, as_json: bool) -> None:
    if as_json:
        render.document(document)
        render.flush()
        return
    rows = [(s["name"], s["kind"], s["pid"], s["url"]) for s in document["services"]]
    render.table(f"Service: {document['status']}", ("name", "kind", "pid", "address"), rows)
    if document.get("prefect_auth"):
        render.line(f"Password of Prefect's pages and API: {document['prefect_auth']}")
