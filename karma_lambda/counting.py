"""Metrics of a function for CloudWatch, written as lines of its log (embedded metric format)."""

from __future__ import annotations

from typing import Final

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from karma_adapters.gremlin import slow_queries

NAMESPACE: Final = "Karma"
_CLASSES: Final = {2: "Answered", 3: "Answered", 4: "Refused", 5: "Failed"}
"""Metric names by the first digit of the status."""


_told = [slow_queries.so_far()]
"""What of the container's requests to Gremlin endpoints was counted already."""


def _since_last() -> slow_queries.Requests:
    """The requests to Gremlin endpoints since the last answer."""
    before, _told[0] = _told[0], slow_queries.so_far()
    now = _told[0]
    return slow_queries.Requests(now.sent - before.sent, now.slow - before.slow, now.seconds - before.seconds)


def count(route: str, status: int, started_cold: bool) -> None:
    """One answer of a route, with how often and how long it asked the graph's store; slow requests apart."""
    metrics = Metrics(namespace=NAMESPACE, service="api")
    metrics.add_dimension("route", route)
    metrics.add_metric(_CLASSES.get(status // 100, "Failed"), MetricUnit.Count, 1)
    if started_cold:
        metrics.add_metric("ColdStart", MetricUnit.Count, 1)
    asked = _since_last()
    if asked.sent:
        metrics.add_metric("GraphRequests", MetricUnit.Count, asked.sent)
        metrics.add_metric("SlowGraphRequests", MetricUnit.Count, asked.slow)
        metrics.add_metric("GraphSeconds", MetricUnit.Seconds, asked.seconds)
    metrics.flush_metrics()
