"""Rate limits: a token bucket for each caller, in memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from karma_api.problems import TooManyRequests
from karma_core.token_bucket import TokenBucket

MAX_CALLERS: Final = 10_000
"""Callers remembered; the one that was silent longest is forgotten first, with a full bucket."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one caller and one request.

    Failed sign-ins of one address are answered and logged at their own, lower rate; more are turned away.
    """

    requests_per_second: float = 100.0
    burst: float = 400.0
    failures_per_second: float = 1.0
    failures_burst: float = 20.0
    body_bytes: int = 1 << 20
    request_seconds: float = 60.0
    streams: int = 100


class Buckets:
    """A bucket of `burst` requests for each name, filled at `per_second`."""

    def __init__(
        self, per_second: float, burst: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._lock = Lock()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, name: str) -> None:
        """Take one request; TooManyRequests where the bucket is empty."""
        wait = self._bucket(name).take()
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyRequests(
                "too many requests",
                why=f"at most {self._per_second:g} a second are answered",
                next_step=f"wait {seconds} s",
                retry_after=seconds,
            )

    def _bucket(self, name: str) -> TokenBucket:
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                bucket = TokenBucket(self._per_second, self._burst, monotonic=self._monotonic)
                self._buckets[name] = bucket
            self._buckets.move_to_end(name)
            if len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)
            return bucket
