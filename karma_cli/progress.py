"""Progress of long work on standard error: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from karma_cli import render
from karma_core.json_types import JsonObject

if TYPE_CHECKING:
    from karma_core.ports import Say

SHOWN = {
    "run": "run {run_id}: {components} components",
    "waiting": "waiting for {for} ({seconds} s)",
    "step": "{address}: {step}",
    "working": "{address}: terraform {command} runs since {seconds} s",
    "planned": "{address}: {action}",
    "outcome": "{address}: {status} ({reason})",
    "change": "change {change_id}: {status} ({why})",
    "error": "{address}: {error}",
    "drift": "{address}: {status}",
    "graph_load": "Neptune has loaded the {step} of the graph",
    "graph_load_failed": "Neptune's loader did not load the graph, which is written by requests: {why}",
    "log_copy_behind": "a copy of the log is behind: {facts}",
}


@contextmanager
def shown(*, quiet: bool) -> Iterator[Say]:
    """A `say` for use cases. Quiet shows errors only."""
    if quiet or not sys.stderr.isatty():
        yield lambda event, facts: _line(event, facts, quiet=quiet)
        return
    from rich.status import Status

    console = render.err()
    with Status("working …", console=console) as status:

        def say(event: str, facts: JsonObject) -> None:
            if event in {"step", "planned", "drift", "working"}:
                status.update(render.styled(_text(event, facts)))
            else:
                _line(event, facts, quiet=False)

        yield say


def _text(event: str, facts: JsonObject) -> str:
    form = SHOWN.get(event)
    return form.format_map({**facts, "facts": facts}) if form else f"{event}: {facts}"


def _line(event: str, facts: JsonObject, *, quiet: bool) -> None:
    if event in {"step", "drift"} or (quiet and event != "error"):
        return
    render.note(_text(event, facts))
