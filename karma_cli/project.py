"""`karma init` and `karma doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from karma_cli import exits, render
from karma_cli.options import Env, Json, ProjectDir, open_for, project_root, settings_of


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Examples:\n\n`karma init`\n\n`karma init infrastructure --environment dev`")(init)
    app.command(epilog="Examples:\n\n`karma doctor --env prod`\n\n`karma doctor --iam-policy > policy.json`")(
        doctor
    )


def init(
    folder: Annotated[Path, typer.Argument(help="Where to start the project.")] = Path(),
    environment: Annotated[str, typer.Option("--environment", help="Name of the first environment.")] = "dev",
    as_json: Json = False,
) -> None:
    """Start a project: karma.toml, one environment, one type with a module, one config."""
    from karma_adapters.wiring.scaffold import start_project

    written = start_project(folder.resolve(), environment)
    if as_json:
        render.document({"project": str(folder.resolve()), "written": written})
        return
    for path in written:
        render.line(f"wrote {path}")
    render.line("Next: `karma config publish`, `karma graph build`, `karma deploy --all`.")


def doctor(
    iam_policy: Annotated[
        bool, typer.Option("--iam-policy", help="Print the least IAM policy for Karma; check nothing.")
    ] = False,
    accept: Annotated[
        str,
        typer.Option(
            "--accept",
            metavar="KIND:WHAT",
            help="Say that something doubtful is right, which is logged; check nothing. "
            "`maybe-created:ADDRESS`: the component's state has all that exists.",
        ),
    ] = "",
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Check tools, settings and access, and say what to do about what is missing."""
    from karma_adapters.doctor.diagnosis import examine

    if iam_policy:
        _print_policy(env, project)
        return
    if accept:
        _accept(accept, env, project, as_json=as_json)
        return
    checks = examine(project_root(project), env)
    bad = [check for check in checks if check.status == "failed"]
    if as_json:
        from karma_core.model import to_builtins

        render.document({"status": "failed" if bad else "succeeded", "checks": to_builtins(checks)})
    else:
        render.table(
            "", ("check", "", "found", "next"), [(c.name, c.status, c.found, c.next_step) for c in checks]
        )
    if bad:
        raise typer.Exit(exits.FAILED)


def _accept(wanted: str, env: str | None, project: Path | None, *, as_json: bool) -> None:
    """Accept what is named, by its kind."""
    from karma_core.errors import UsageError
    from karma_core.ids import Address
    from karma_core.plan.unseen import MAYBE_CREATED
    from karma_core.use_cases.runs.accepting import accept_created

    kind, _, what = wanted.partition(":")
    if kind != MAYBE_CREATED:
        raise UsageError(
            f"{kind!r} is nothing that can be accepted",
            why=f"what can be accepted is {MAYBE_CREATED}:ADDRESS",
            next_step="run `karma doctor`: it says what there is to accept",
        )
    workspace = open_for(env, project)
    address = str(Address.parse(what))
    resources = accept_created(workspace, address)
    if as_json:
        render.document({"accepted": kind, "component": address, "resources": list(resources)})
        return
    render.line(f"the state of {address} is accepted as it is, without {', '.join(resources)}")


def _print_policy(env: str | None, project: Path | None) -> None:
    """The policy is JSON for AWS's own tools, with --json or without."""
    from karma_adapters.aws.iam_policy import policy

    settings = settings_of(project)
    render.document(policy(settings, settings.choose_environment(env).name))
