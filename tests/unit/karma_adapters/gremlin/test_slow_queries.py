"""karma_adapters.gremlin.slow_queries, and the metrics that say it."""

from __future__ import annotations

import pytest

from karma_adapters.gremlin import slow_queries
from karma_api.metrics import Metrics
from karma_core.errors import StoreUnavailable


def test_slow_requests_are_counted_answered_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends at its deadline is the slowest of all; Prometheus gets the same numbers."""
    before = slow_queries.so_far()
    with slow_queries.counted():
        pass
    monkeypatch.setattr(slow_queries, "SLOW_SECONDS", 0.0)
    with pytest.raises(StoreUnavailable), slow_queries.counted():
        raise StoreUnavailable("too late")
    after = slow_queries.so_far()
    assert (after.sent - before.sent, after.slow - before.slow) == (2, 1)
    assert after.seconds > before.seconds
    said = Metrics().text().decode()
    assert f"karma_gremlin_requests_total {after.sent:.1f}" in said
    assert f"karma_gremlin_slow_requests_total {after.slow:.1f}" in said
    assert "karma_gremlin_seconds_total" in said
