"""botocore's pauses, fifty times as short: what it does between attempts stays the same."""

from __future__ import annotations

import time

import pytest
from botocore.retries import bucket, standard

_TIMES = 50.0


class _HurriedClock:
    """For botocore's rate limiter: a second of its own is a fiftieth of ours."""

    def sleep(self, amount: float) -> None:
        """Sleep so long by its own measure."""
        time.sleep(amount / _TIMES)

    def current_time(self) -> float:
        """Seconds by its own measure."""
        return time.time() * _TIMES


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses of every client that is made from now on."""
    whole, wait = standard.ExponentialBackoff.delay_amount, bucket.TokenBucket._sleep_amount
    monkeypatch.setattr(
        bucket.TokenBucket, "_sleep_amount", lambda tokens, amount: wait(tokens, amount) / _TIMES
    )
    monkeypatch.setattr(bucket.Clock, "sleep", _HurriedClock.sleep)
    monkeypatch.setattr(bucket.Clock, "current_time", _HurriedClock.current_time)
    monkeypatch.setattr(
        standard.ExponentialBackoff,
        "delay_amount",
        lambda backoff, context: whole(backoff, context) / _TIMES,
    )
