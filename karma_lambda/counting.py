"""Metrics of a function for CloudWatch, written as lines of its log (embedded metric format)."""

from __future__ import annotations

from typing import Final

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE: Final = "Karma"
_CLASSES: Final = {2: "Answered", 3: "Answered", 4: "Refused", 5: "Failed"}
"""Metric names by the first digit of the status."""


def count(route: str, status: int, started_cold: bool) -> None:
    """One answer of a route."""
    metrics = Metrics(namespace=NAMESPACE, service="api")
    metrics.add_dimension("route", route)
    metrics.add_metric(_CLASSES.get(status // 100, "Failed"), MetricUnit.Count, 1)
    if started_cold:
        metrics.add_metric("ColdStart", MetricUnit.Count, 1)
    metrics.flush_metrics()
