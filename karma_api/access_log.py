"""The access log: one line of JSON for every request, reads included. It is no part of the audit log.

Changes, attempts to change and denials are events in Karma's own log; what somebody only read stands here.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

from karma_api.exchange import Incoming, encode
from karma_api.route import Route
from karma_core.printable import printable

LOGGER: Final = logging.getLogger("karma.access")


def switch_on() -> None:
    """Write the lines to standard error, as they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def is_on() -> bool:
    """Whether the access log is switched on."""
    return LOGGER.isEnabledFor(logging.INFO)


def write(route: Route, incoming: Incoming, user: str, status: int, seconds: float) -> None:
    """Write the line of one answered request; its path and query never hold tokens.

    Standard error may be a terminal: control characters are escaped, as JSON has it.
    """
    line = {
        "route": route.name,
        "method": route.method,
        "path": dict(incoming.path),
        "query": [list(pair) for pair in incoming.query],
        "user": user,
        "client": incoming.client,
        "status": status,
        "seconds": round(seconds, 4),
    }
    LOGGER.info(printable(encode(line).decode()))
