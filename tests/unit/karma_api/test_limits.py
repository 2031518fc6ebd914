"""The token buckets of the API's callers: each its own, and not for ever."""

from __future__ import annotations

import pytest

from karma_api import limits
from karma_api.limits import Buckets
from karma_api.problems import TooManyRequests


def test_each_caller_has_a_bucket_of_its_own() -> None:
    """Who asks too fast is told how long to wait, in whole seconds, and keeps nobody else waiting."""
    now = [0.0]
    buckets = Buckets(0.4, 2, monotonic=lambda: now[0])
    buckets.take("ann")
    buckets.take("ann")
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("ann")
    assert refused.value.next_step == "wait 3 s"
    buckets.take("ben")
    now[0] += 3
    buckets.take("ann")


def test_the_caller_that_was_silent_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; who is forgotten begins with a full bucket."""
    monkeypatch.setattr(limits, "MAX_CALLERS", 2)
    buckets = Buckets(0.1, 1, monotonic=lambda: 0.0)
    for name in ("ann", "ben"):
        buckets.take(name)
    with pytest.raises(TooManyRequests):
        buckets.take("ann")
    buckets.take("cid")
    buckets.take("ben")
    with pytest.raises(TooManyRequests):
        buckets.take("cid")
