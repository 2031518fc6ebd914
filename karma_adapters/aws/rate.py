"""A token bucket: how many requests a second leave this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """`per_second` tokens flow in, up to one second's worth; threads share it.

    A taker books its token at once and sleeps until it is due, so that takers are served in order.
    """

    def __init__(
        self,
        per_second: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = max(1.0, per_second)
        self._counted_at = monotonic()

    def take(self) -> None:
        """Take one token, waiting for it where there is none."""
        with self._lock:
            now = self._monotonic()
            flown_in = (now - self._counted_at) * self._per_second
            self._tokens = min(max(1.0, self._per_second), self._tokens + flown_in) - 1
            self._counted_at = now
            wait = -self._tokens / self._per_second
        if wait > 0:
            self._sleep(wait)
