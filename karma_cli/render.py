"""The only printer: documents and tables on standard output, everything else on standard error.

Whatever it prints, to a terminal or into a pipe, has its control characters shown (`karma_core.printable`).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonValue
from karma_core.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from karma_core.errors import KarmaError
    from karma_core.model import Finding

WARNINGS_OF_A_KIND = 50
"""Ours: what still fits a screen or two; the rest is counted."""
WIDE = 400
"""Columns of a table that goes to a file or a program. Ours: no cell of ours is longer."""
COLOURS = {
    "create": "green",
    "applied": "green",
    "succeeded": "green",
    "published": "green",
    "current": "green",
    "update": "yellow",
    "stale": "yellow",
    "pending": "yellow",
    "warning": "yellow",
    "deferred": "yellow",
    "reload": "cyan",
    "reloaded": "cyan",
    "cut_off": "blue",
    "replace": "magenta",
    "destroy": "red",
    "destroyed": "red",
    "failed": "red",
    "error": "red",
    "blocked": "red",
    "invalid": "red",
    "drifted": "red",
}


def out() -> Console:
    """The console for results."""
    return _console(stderr=False)


def err() -> Console:
    """The console for everything else."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """Wide where no terminal sets a width, so that what a program reads is not folded.

    Without any style where NO_COLOR (no-color.org) is set: rich itself would leave bold and italics.
    """
    from rich.console import Console

    live = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        width=None if live else WIDE,
        soft_wrap=not live,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def document(value: JsonValue) -> None:
    """One JSON document."""
    sys.stdout.write(printable(dumps(value, indent=2)) + "\n")


def flush() -> None:
    """Flush stdout so that piped readers see the output before the command ends."""
    sys.stdout.flush()


def text(value: str) -> None:
    """Plain text, neither folded nor coloured."""
    shown = printable(value)
    sys.stdout.write(shown if shown.endswith("\n") else shown + "\n")


def styled(value: str, style: str = "") -> Text:
    """A text as a console prints it: its words are not markup, its control characters are shown."""
    from rich.text import Text

    return Text(printable(value), style=style)


def line(value: str) -> None:
    """One line for people, on standard output; its words are not markup."""
    out().print(styled(value))


def note(value: str) -> None:
    """One line beside the result, on standard error."""
    err().print(styled(value))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; words that name a status or an action are coloured."""
    from rich.table import Table

    shown = Table(
        title=styled(title) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in columns:
        shown.add_column(styled(column), overflow="fold")
    for row in rows:
        cells = [str(cell) if cell is not None else "" for cell in row]
        shown.add_row(*(styled(cell, COLOURS.get(cell, "")) for cell in cells))
    out().print(shown)


def findings(listed: Sequence[Finding]) -> None:
    """Findings, errors first, on standard error: every error, and of each kind of warning the first 50.

    A fleet of 100,000 components can repeat one warning as often; --json lists them all.
    """
    console = err()
    seen: Counter[tuple[str, str]] = Counter()
    hidden: Counter[str] = Counter()
    for finding in listed:
        seen[finding.severity, finding.code] += 1
        if finding.severity != "error" and seen[finding.severity, finding.code] > WARNINGS_OF_A_KIND:
            hidden[finding.code] += 1
            continue
        said = styled(f"{finding.severity}: ", COLOURS.get(finding.severity, ""))
        message = _finding(finding.code, finding.component, finding.pointer, finding.message)
        said.append(printable(message), style="not bold")
        console.print(said)
    for code, number in sorted(hidden.items()):
        console.print(styled(f"… and {number:,} more of {code}; --json lists them all."))


def _finding(code: str, component: str, pointer: str, message: str) -> str:
    """A finding in one line; without a place where it is about none (a freeze)."""
    place = " ".join(filter(None, (component, pointer)))
    return ": ".join(filter(None, (code, place, message)))


def error(problem: KarmaError, *, as_json: bool) -> None:
    """An error: three parts for people on standard error, one document on standard output with --json."""
    console = err()
    console.print(styled(f"error: {problem.code}: {problem.what}", "red"))
    if problem.why:
        console.print(styled(f"  why:  {problem.why}"))
    for finding in problem.facts.get("findings", ()):
        said = _finding(*(finding.get(part, "") for part in ("code", "component", "pointer", "message")))
        console.print(styled(f"  {said}"))
    if problem.next_step:
        console.print(styled(f"  next: {problem.next_step}"))
    if as_json:
        document({"error": problem.document()})


def confirm(question: str) -> bool:
    """Ask on standard error; no answer (the end of the input, or Ctrl-C at the question) is a no."""
    import typer

    try:
        return typer.confirm(printable(question), err=True)
    except typer.Abort:
        note("")  # ends the line of the question
        return False


def local(moment: str) -> str:
    """A UTC time in the reader's own zone."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
