"""The console of a service's runs: plain lines, and a reader that goes away is no reason to stop.

Prefect's own handler writes through rich, which ends the thread where the pipe is broken: a run whose worker
was killed would end with it.
"""

from __future__ import annotations

import logging
from typing import TextIO


class PlainHandler(logging.StreamHandler[TextIO]):
    """In the place of Prefect's console handler, whose argument `styles` means nothing here."""

    def __init__(self, stream: TextIO | None = None, styles: dict[str, str] | None = None) -> None:
        del styles
        super().__init__(stream)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A line that cannot be written is lost; the API gets it all the same."""
