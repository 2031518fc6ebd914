"""`karma drift`: whether the cloud still looks like what was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from karma_cli import exits, progress, render
from karma_cli.options import Env, Json, ProjectDir, open_for
from karma_cli.plan import All, DetailedExit, Exclude, Types, Words, selection_of

if TYPE_CHECKING:
    from karma_core.use_cases.runs.drift import ComponentDrift, DriftResult


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog="Examples:\n\n`karma drift`\n\n`karma drift vpc core`\n\n`karma drift --detailed-exitcode`"
    )(drift)


def drift(
    words: Words = None,
    types: Types = None,
    exclude: Exclude = None,
    everything: All = False,
    detailed_exitcode: DetailedExit = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Compare what was applied with the cloud, read-only; without arguments, everything deployed."""
    from karma_core.use_cases.runs.drift import check_drift

    selection = selection_of(
        words, types=types, exclude=exclude, everything=everything or not (words or types)
    )
    with progress.shown(quiet=as_json) as say:
        result = check_drift(open_for(env, project, say), selection)
    if as_json:
        render.document(result.contract())
    else:
        _show(result)
    if result.failed:
        raise typer.Exit(exits.FAILED)
    if detailed_exitcode and result.drifted:
        raise typer.Exit(exits.CHANGES)


def _show(result: DriftResult) -> None:
    render.table(
        f"{result.environment}, checked {render.local(result.checked_at)}",
        ("component", "status", "applied", "checked before", "config", "runtime", "cloud"),
        [
            (
                c.address,
                c.status,
                render.local(c.applied_at),
                render.local(c.last_checked_at) or "never",
                _config(c),
                _runtime(c),
                c.reason,
            )
            for c in result.components
        ],
    )
    for component in result.components:
        for resource in component.resources:
            render.text(f"\n{component.address}: {resource.address} was {resource.change}")
            for a in resource.attributes:
                render.text(f"  {a.pointer}: {a.state!r} applied, {a.cloud!r} in the cloud")
    for warning in result.warnings:
        render.note(f"warning: {warning}")
    render.line(
        ", ".join(f"{count} {check}" for check, count in result.counts().items() if count) or "0 deployed"
    )


NOT_COMPARED = "not compared"


def _runtime(component: ComponentDrift) -> str:
    """The published runtime beside what follows from the cloud."""
    if not component.compared:
        return NOT_COMPARED
    return f"differs: {', '.join(component.runtime)}" if component.runtime else "same"


def _config(component: ComponentDrift) -> str:
    """The applied config beside the published one."""
    if not component.compared:
        return f"v{component.config_version}, {NOT_COMPARED}"
    if component.published_version is None:
        return f"v{component.config_version}, now gone"
    if not component.config:
        return f"v{component.config_version}, same"
    return f"v{component.config_version} applied, v{component.published_version} published"
