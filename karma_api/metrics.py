"""Metrics of a server, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from karma_adapters.gremlin import readers, slow_queries

SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
"""Upper bounds of the times' buckets. Ours: from a cached read to a plan."""


class Metrics:
    """Requests by route, method and status; their times; open streams; Gremlin requests. One a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "karma_requests", "Answered requests", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "karma_request_seconds",
            "Time to the answer",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._at_once = Counter(
            "karma_cached_answers", "Answers that asked no store", registry=self._registry
        )
        self._registry.register(_GremlinRequests())
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """Labelled children: looking them up costs more than counting."""
        self.streams = Gauge("karma_streams", "Open event streams", registry=self._registry)

    def count(self, route: str, method: str, status: int, seconds: float, *, at_once: bool) -> None:
        """One answered request."""
        key = (route, method, status)
        known = self._known.get(key)
        if known is None:
            counter, times = self._requests.labels(route, method, str(status)), self._seconds.labels(route)
            known = self._known[key] = (counter, times)
        known[0].inc()
        known[1].observe(seconds)
        if at_once:
            self._at_once.inc()

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _GremlinRequests(Collector):
    """What the process has asked of Gremlin endpoints, counted where it is sent."""

    def collect(self) -> Iterator[Metric]:
        """All, the slow among them, and their seconds."""
        sent, slow, seconds = slow_queries.so_far()
        yield CounterMetricFamily("karma_gremlin_requests", "Requests to Gremlin endpoints", sent)
        yield CounterMetricFamily(
            "karma_gremlin_slow_requests", f"Those that took {slow_queries.SLOW_SECONDS:g} s or more", slow
        )
        yield CounterMetricFamily("karma_gremlin_seconds", "Time to their answers", seconds)
        replicas = CounterMetricFamily(
            "karma_graph_replica_reads", "Graphs asked of replicas, by what became of it", labels=["outcome"]
        )
        for outcome, count in readers.so_far().items():
            replicas.add_metric([outcome], count)
        yield replicas
