"""`karma init` and `karma doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from karma_cli import exits, render, streams
from karma_cli.options import Env, Json, ProjectDir, open_for, project_root, settings_of


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog="Examples:\n\n`karma init`\n\n`karma init infrastructure --environment dev`"
        "\n\n`karma init --from-module components/vpc`"
    )(init)
    app.command(
        epilog="Examples:\n\n`karma doctor --env prod`\n\n`karma doctor --iam-policy > policy.json`\n\n"
        "`karma doctor --accept state:vpc/core`"
    )(doctor)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to start the project.")] = Path(),
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", help="Name of the first environment; else those that have configs, or dev."
        ),
    ] = None,
    from_module: Annotated[
        Path | None,
        typer.Option(
            "--from-module",
            metavar="DIR",
            help="Write a component.yaml and an example config from this module's variables.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a project: settings alone beside configs or modules that are there, else with an example."""
    from karma_adapters.wiring.scaffold import start_project

    if from_module is not None:
        _describe(from_module.resolve(), environment, as_json=as_json)
        return
    started = start_project(folder.resolve(), environment)
    there = started.existing
    if as_json:
        existing = {"configs": there.configs, "modules": there.modules, "types": list(there.types)}
        render.document({"project": str(folder.resolve()), "written": started.written, "existing": existing})
        return
    if there.configs:
        render.line(f"configs in {there.configs}/, of {', '.join(there.environments)}")
    if there.modules:
        render.line(f"modules in {there.modules}/: {', '.join(there.types)}")
    for path in started.written:
        render.line(f"wrote {path}")
    render.line(f"Next: {_next(there.configs, there.modules)}.")


def _describe(module: Path, environment: str | None, *, as_json: bool) -> None:
    """`init --from-module`, in the project that holds the module."""
    from karma_adapters.wiring.from_module import describe_module
    from karma_adapters.wiring.reading import find_project, read_settings

    settings = read_settings(find_project(module))
    written = describe_module(settings, module, environment)
    if as_json:
        render.document({"project": str(settings.root), "written": written})
        return
    for path in written:
        render.line(f"wrote {path}")
    render.line("Next: fill in the example's nulls, then `karma config publish`, `karma graph validate`.")


def _next(configs: str, modules: str) -> str:
    """What to do after `init`."""
    if modules and not configs:
        return "write configs as iac/<environment>/<type>/<nickname>/config.json, then `karma graph validate`"
    if configs:
        return "check the regions in karma.toml, then `karma config publish` and `karma graph build`"
    return "`karma config publish`, `karma graph build`, `karma deploy --all`"


def doctor(
    iam_policy: Annotated[
        bool, typer.Option("--iam-policy", help="Print the least IAM policy for Karma; check nothing.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="KIND:NAME",
            help="Take for right what is in doubt, which is logged; check nothing. "
            "state:ADDRESS: the component's Terraform state as it is now; "
            "store:state, store:parameters, store:log: that store as it is now; "
            "maybe-created:ADDRESS: the component's state has all that exists.",
        ),
    ] = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Check tools, settings and access, and say what to do about what is missing."""
    from karma_adapters.doctor.diagnosis import examine

    if iam_policy:
        _print_policy(env, project)
        return
    if accept is not None:
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
    from karma_core.use_cases.runs.acceptance import accept

    accepted = accept(open_for(env, project), wanted)
    streams.outcome_is_recorded()
    if as_json:
        render.document(accepted.contract())
        return
    render.line(f"Accepted {accepted.kind}:{accepted.name} ({accepted.doubt}).")
    render.line(f"Recorded: {accepted.was}. Now: {accepted.now}.")
    render.line(f"Next: {accepted.next_step}.")
    for warning in accepted.warnings:
        render.note(f"warning: {warning}")


def _print_policy(env: str | None, project: Path | None) -> None:
    """The policy is JSON for AWS's own tools, with --json or without."""
    from karma_adapters.aws.iam_policy import policy

    settings = settings_of(project)
    render.document(policy(settings, settings.choose_environment(env).name))
