"""Counts requests to Gremlin endpoints, and those that took long, for the process's metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

SLOW_SECONDS: Final = 1.0
"""From here on a request is slow. Ours: each of Karma's small ones is answered in milliseconds."""


class Requests(NamedTuple):
    """Requests of this process: all, the slow among them, and the seconds of all."""

    sent: int = 0
    slow: int = 0
    seconds: float = 0.0


_lock = threading.Lock()
_so_far = [Requests()]


@contextmanager
def counted() -> Iterator[None]:
    """Count one request, whether it is answered or not."""
    began = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - began
        with _lock:
            sent, slow, seconds = _so_far[0]
            _so_far[0] = Requests(sent + 1, slow + (took >= SLOW_SECONDS), seconds + took)


def so_far() -> Requests:
    """What was counted since the process began."""
    return _so_far[0]
