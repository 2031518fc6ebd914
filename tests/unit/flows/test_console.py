"""What a worker and its runs print of what Prefect logs."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

from flows.console import PlainHandler


def printed(level: int) -> str:
    """What is printed of an exception that is logged so."""
    stream = io.StringIO()
    try:
        Path("/absent/workspace.json").read_text("utf-8")
    except FileNotFoundError:
        said = ("prefect.flow_runs.runner", level, __file__, 1, "no hooks of %s", ("a run",), sys.exc_info())
        PlainHandler(stream, styles={}).emit(logging.LogRecord(*said))
    return stream.getvalue()


def test_a_warning_is_a_line() -> None:
    """Its exception is named; a traceback would be taken for a defect of Karma's."""
    said = printed(logging.WARNING)
    assert said.startswith("no hooks of a run (FileNotFoundError(2, 'No such file")
    assert said.count("\n") == 1


def test_an_error_has_its_traceback() -> None:
    """It is one."""
    assert "Traceback" in printed(logging.ERROR)
