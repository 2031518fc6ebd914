"""`karma why`: the causes of what happened to a component, and what it caused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import render
from karma_cli.options import Env, Json, Nickname, ProjectDir, Type, address_of, open_for

if TYPE_CHECKING:
    from karma_core.records import Event
    from karma_core.use_cases.audit.why import Step

Down = Annotated[bool, typer.Option("--down", help="What followed from it, instead of what led to it.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Examples:\n\n`karma why service/api`\n\n`karma why vpc/core --down --json`")(why)


def why(
    component_type: Type,
    nickname: Nickname = None,
    down: Down = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Walk the log from a component's newest event back to what set it off."""
    from karma_core.use_cases.audit import why as use_case

    address = address_of(component_type, nickname)
    workspace = open_for(env, project)
    steps = use_case.consequences(workspace, address) if down else use_case.why(workspace, address)
    if as_json:
        render.document([step.document() for step in steps])
        return
    for step in steps:
        render.line(_line(step))


def _line(step: Step) -> str:
    branch = f"{'   ' * (step.depth - 1)}└─ " if step.depth else ""
    if step.event is None:
        return f"{branch}? {step.missing}"
    said = f": {step.because}" if step.because else ""
    return f"{branch}{_named(step.event)}{said}"


def _named(event: Event) -> str:
    """The event in one line: when, what, about which component, by whom, in which run."""
    about = f" {event.component}" if event.component else ""
    run = f", run {event.run_id}" if event.run_id else ""
    return f"{render.local(event.timestamp)} {event.action}{about} {event.status} (by {event.user}{run})"
