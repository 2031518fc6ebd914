"""Gremlin text about the current graph of a graph store that has no Gremlin of its own, in this process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock

from karma_adapters.gremlin.engine import Engine
from karma_adapters.gremlin.graphson import write_graph
from karma_core import ports
from karma_core.graph.gremlin_answer import LIMIT, SECONDS, GremlinAnswer
from karma_core.model import Build


class EmbeddedGremlin:
    """Answers Gremlin text. Threads may share it; a query takes no lock while it runs."""

    def __init__(self, store: ports.GraphStore) -> None:
        self._store = store
        self._loading = Lock()
        self._engine: Engine | None = None
        self._build: Build | None = None

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        return self._current(environment).answer(text, limit=limit, seconds=seconds)

    def _current(self, environment: str) -> Engine:
        """The engine with the current graph, made anew when the build has moved."""
        with self._loading:
            build = self._store.current(environment)
            if self._engine is None or build != self._build:
                self._engine = _load(self._store, environment)
                self._build = build
            return self._engine


def _load(store: ports.GraphStore, environment: str) -> Engine:
    snapshot = store.load(environment)
    if snapshot is None:
        return Engine(None)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "graph.json")
        write_graph(snapshot, store.builds(environment, limit=snapshot.build.id), path)
        return Engine(path)
