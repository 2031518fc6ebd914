"""The graph store in memory: for tests, and for judging a change on a simulated graph."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from karma_core.failpoints import reach
from karma_core.graph.commit_refusals import moved_base, stale_lease
from karma_core.graph.delta import EMPTY, apply
from karma_core.model import Build, Delta, GraphData, Snapshot
from karma_core.records import Lease


@dataclass
class _Environment:
    token: int = 0
    graph: GraphData = EMPTY
    builds: list[Build] = field(default_factory=list)

    @property
    def current(self) -> Build | None:
        return self.builds[-1] if self.builds else None


class MemoryGraphStore:
    """ports.GraphStore in memory. Graphs are immutable, so that a reader keeps the one it was given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environments: dict[str, _Environment] = {}

    def current(self, environment: str) -> Build | None:
        """The current build, or None before the first."""
        with self._lock:
            return self._environment(environment).current

    def load(self, environment: str) -> Snapshot | None:
        """The whole current graph with its build."""
        with self._lock:
            stored = self._environment(environment)
            return Snapshot(build=stored.current, graph=stored.graph) if stored.current else None

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta and make the build current."""
        with self._lock:
            stored = self._environment(build.environment)
            if lease.token < stored.token:
                raise stale_lease(build.environment, lease.token, stored.token)
            stored.token = lease.token
            refusal = moved_base(build, stored.current)
            if refusal is not None:
                raise refusal
            graph = apply(stored.graph, delta)
            reach("graph.commit.before_commit")
            stored.graph = graph
            stored.builds.append(build)

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first."""
        with self._lock:
            return tuple(reversed(self._environment(environment).builds[-limit:]))

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record."""
        with self._lock:
            builds = self._environment(environment).builds
            return next((build for build in builds if build.id == build_id), None)

    def close(self) -> None:
        """Nothing to let go of."""

    def _environment(self, name: str) -> _Environment:
        return self._environments.setdefault(name, _Environment())
