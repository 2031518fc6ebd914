"""A token bucket: how many requests a second may pass."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class TokenBucket:
    """`per_second` tokens flow in, up to `capacity`, and each request takes one. A new bucket is full.

    `monotonic` returns seconds that never go back. Threads may share a bucket.
    """

    __slots__ = ("_capacity", "_counted_at", "_lock", "_monotonic", "_per_second", "_tokens")

    def __init__(self, per_second: float, capacity: float, *, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._capacity = capacity
        self._monotonic = monotonic
        self._lock = Lock()
        self._tokens = capacity
        self._counted_at = monotonic()

    def take(self) -> float:
        """Take a token and return 0; where there is none, return the seconds until there will be one."""
        with self._lock:
            self._fill()
            if self._tokens < 1:
                return (1 - self._tokens) / self._per_second
            self._tokens -= 1
            return 0.0

    def book(self) -> float:
        """Take the next token and return the seconds until it has flowed in; 0 where it is there already.

        Callers that wait that long are served in the order of their calls.
        """
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._per_second)

    def _fill(self) -> None:
        now = self._monotonic()
        flowed_in = (now - self._counted_at) * self._per_second
        self._tokens = min(self._capacity, self._tokens + flowed_in)
        self._counted_at = now
