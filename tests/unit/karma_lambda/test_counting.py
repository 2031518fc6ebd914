"""karma_lambda.counting: what CloudWatch reads from a function's log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karma_adapters.gremlin import slow_queries
from karma_lambda.counting import count


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The metrics of one answer."""
    capsys.readouterr()
    count("graph", 200, started_cold=False)
    metrics: dict[str, Any] = json.loads(capsys.readouterr().out)
    return metrics


def test_slow_requests_to_the_graph_are_counted_with_their_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those since the last answer, the slow among them, their seconds; nothing where none was made."""
    counted(capsys)
    assert "GraphRequests" not in counted(capsys)
    with slow_queries.counted():
        pass
    monkeypatch.setattr(slow_queries, "SLOW_SECONDS", 0.0)
    with slow_queries.counted():
        pass
    metrics = counted(capsys)
    assert (metrics["GraphRequests"], metrics["SlowGraphRequests"]) == ([2.0], [1.0])
    assert metrics["GraphSeconds"][0] >= 0
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert (units["SlowGraphRequests"], units["GraphSeconds"]) == ("Count", "Seconds")
    assert "GraphRequests" not in counted(capsys)
