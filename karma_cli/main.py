"""The `karma` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import (
    aws,
    backup,
    change,
    config,
    deploy,
    descriptors,
    drift,
    exits,
    graph,
    log,
    plan,
    policy,
    project,
    streams,
    token,
    up,
    why,
)

if TYPE_CHECKING:
    from karma_core.errors import KarmaError

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
    signal.signal(signal.SIGTERM, _interrupt)
    with streams.standard_streams() as output:
        code = _run()
        sys.stdout.flush()
        if output.lost:
            _say_lost(output)
    raise SystemExit(output.exit_code(code))


def _run() -> int:
    """Run the command; its exit code."""
    from karma_core.errors import KarmaError
    from karma_core.os_errors import at_the_entry_point

    try:
        descriptors.require_descriptors()
        app(prog_name="karma")
    except SystemExit as ended:
        if ended.code == exits.INTERRUPTED and _interrupts(ended):
            typer.echo("interrupted", err=True)
        return ended.code if isinstance(ended.code, int) else exits.DONE
    except KarmaError as error:
        return _failed(error)
    except OSError as error:
        return _failed(at_the_entry_point(error))
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        return exits.INTERRUPTED
    return exits.DONE


def _interrupts(error: BaseException | None) -> bool:
    """Whether an interrupt led to it: typer makes an exit of one, without a word."""
    return error is not None and (
        isinstance(error, KeyboardInterrupt) or _interrupts(error.__cause__ or error.__context__)
    )


def _failed(error: KarmaError) -> int:
    from karma_cli import render

    render.error(error, as_json="--json" in sys.argv)
    return exits.exit_code(error)


def _say_lost(output: streams.OutputState) -> None:
    """Standard error is all that is left to say it on."""
    from karma_cli import render
    from karma_core.errors import StoreError

    reason = output.failure.strerror if output.failure else ""
    problem = StoreError(
        "the result could not be printed",
        why=f"standard output: {reason}",
        next_step="what was done is recorded: `karma log list` shows it"
        if output.recorded
        else "make room or name another file, and run the command again",
        code="output-lost",
    )
    render.error(problem, as_json=False)
