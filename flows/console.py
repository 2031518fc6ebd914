"""The console of a service's runs: plain lines, and a reader that goes away is no reason to stop.

Prefect's own handler writes through rich, which ends the thread where the pipe is broken: a run whose worker
was killed would end with it.
"""

from __future__ import annotations

import logging
from copy import copy
from typing import TextIO


class PlainHandler(logging.StreamHandler[TextIO]):
    """In the place of Prefect's console handler, whose argument `styles` means nothing here."""

    def __init__(self, stream: TextIO | None = None, styles: dict[str, str] | None = None) -> None:
        del styles
        super().__init__(stream)

    def format(self, record: logging.LogRecord) -> str:
        """A warning's exception is named in its line, without a traceback.

        Prefect warns so of a run that is told to end while its process is still being prepared.
        """
        if record.exc_info and record.exc_info[1] is not None and record.levelno < logging.ERROR:
            said = f"{record.getMessage()} ({record.exc_info[1]!r})"
            record = copy(record)
            record.msg, record.args, record.exc_info, record.exc_text = said, (), None, None
        return super().format(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A line that cannot be written is lost; the API gets it all the same."""
