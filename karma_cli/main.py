"""The `karma` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from karma_cli import (
    aws,
    backup,
    change,
    config,
    deploy,
    drift,
    exits,
    graph,
    log,
    plan,
    policy,
    project,
    token,
    up,
    why,
)

app = typer.Typer(
    name="karma",
    help="Infrastructure components as one live graph: build, plan, deploy, propagate, and know why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)
app.add_typer(aws.app, name="aws")
app.add_typer(change.app, name="change")
app.add_typer(config.app, name="config")
app.add_typer(graph.app, name="graph")
app.add_typer(log.app, name="log")
app.add_typer(policy.app, name="policy")
app.add_typer(token.app, name="token")
for module in (project, plan, deploy, drift, why, change, backup, up):
    module.register(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"karma {version('karma')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version


def _interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM ends work as Ctrl-C does: Terraform saves its state, the run can be resumed."""
    raise KeyboardInterrupt


def run() -> None:
    """Run the command line; always ends in SystemExit with one of the contract's codes."""
    from karma_core.errors import KarmaError

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(prog_name="karma")
    except KarmaError as error:
        from karma_cli import render

        render.error(error, as_json="--json" in sys.argv)
        raise SystemExit(exits.exit_code(error)) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise SystemExit(exits.INTERRUPTED) from None
