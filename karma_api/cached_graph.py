"""The current graph in memory, following the store by its build.

A view is one build whole, and what was answered from it: it never changes, and all of it goes at once when
the next build is there. Whoever reads gets the view that is here. Looking whether the store has moved on, and
loading what it has, is done by one thread beside; the reader that sets it off waits for it a moment, so that
a graph that loads quickly is seen at once, and nobody waits for a large one or for a publish that goes on.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from threading import Lock
from typing import Any, Final

from karma_core import ports
from karma_core.errors import NotFound, StoreUnavailable
from karma_core.graph import history
from karma_core.graph.graph import Graph
from karma_core.model import Build, Component, Edge, GraphData, Kind, Snapshot

LOOK_SECONDS: Final = 0.05
"""How old what is known of the store may be. Ours: so long that looking costs a busy server nothing, so short
that whoever built a graph with another program sees it."""
PATIENCE_SECONDS: Final = 0.2
"""How long a reader waits for a newer build while it has an older one. Ours: 1,000 components take 0.02 s."""
FIRST_SECONDS: Final = 30.0
"""How long it waits where it has none."""
MAX_ANSWERS: Final = 256
"""Answers kept of one build."""
MAX_PAST: Final = 4
"""Earlier builds kept in memory."""


class View:
    """One build's graph with everything that is worked out from it once."""

    def __init__(self, build: Build, data: GraphData) -> None:
        self.build = build
        self.data = data
        self.etag = f'"{build.id}-{build.digest.removeprefix("sha256:")[:12]}"'
        self._answers: dict[Hashable, Any] = {}

    @cached_property
    def graph(self) -> Graph:
        """Who depends on whom."""
        return Graph(self.data)

    @cached_property
    def nodes(self) -> dict[str, Component]:
        """Components by address, sorted."""
        return {node.address: node for node in self.data.nodes}

    @cached_property
    def addresses(self) -> list[str]:
        """Sorted."""
        return list(self.nodes)

    @cached_property
    def producers_of(self) -> dict[str, list[Edge]]:
        """Consumer → its `depends_on` edges, sorted."""
        return self._edges(lambda edge: edge.source)

    @cached_property
    def consumers_of(self) -> dict[str, list[Edge]]:
        """Producer → the `depends_on` edges that point at it, sorted."""
        return self._edges(lambda edge: edge.target)

    def _edges(self, end: Callable[[Edge], str]) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in self.data.edges:
            if edge.kind == Kind.DEPENDS_ON:
                found.setdefault(end(edge), []).append(edge)
        return found

    def component(self, address: str) -> Component:
        """One component; NotFound."""
        self.graph.producers(address)  # says what is not there, in the graph's own words
        return self.nodes[address]

    def answered(self, key: Hashable) -> Any:
        """What was answered to this question, or None."""
        return self._answers.get(key)

    def remember(self, key: Hashable, answer: Any) -> None:
        """Keep an answer. When there are too many, all are forgotten: the common ones are back at once."""
        if len(self._answers) >= MAX_ANSWERS:
            self._answers = {}
        self._answers[key] = answer


class CachedGraph:
    """Views of one environment's graph. Threads share it."""

    def __init__(self, store: ports.GraphStore, artifacts: ports.ArtifactStore, environment: str) -> None:
        self._store = store
        self._artifacts = artifacts
        self._environment = environment
        self._view: View | None = None
        self._looked_at = float("-inf")
        self._lock = Lock()
        self._looking: Future[None] | None = None
        self._looker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="karma-graph")
        self._past: OrderedDict[int, View] = OrderedDict()

    def at_once(self) -> View | None:
        """The current view where it needs no look at the store; never waits."""
        due = time.monotonic() - self._looked_at > LOOK_SECONDS
        return self._view if not due or self._looking is not None else None

    def view(self) -> View:
        """The current view; NotFound before the first build, StoreUnavailable without the store."""
        started, looking = self._look_if_due()
        if looking is not None and (started or self._view is None):
            with suppress(TimeoutError):  # a newer build is being loaded: the one that is here is whole
                looking.result(PATIENCE_SECONDS if self._view is not None else FIRST_SECONDS)
        if self._view is None:
            raise _no_graph(self._environment, looking is None or looking.done())
        return self._view

    def at(self, when: str | None) -> View:
        """The view of a build or time (None: the current one); NotFound, UsageError."""
        if when is None:
            return self.view()
        build = history.at(self._store, self._environment, when)
        found = self._past.get(build.id)
        if found is None:
            graph = history.restore(self._artifacts, self._store, self._environment, build.id)
            found = View(build, graph)
            with self._lock:
                self._past[build.id] = found
                while len(self._past) > MAX_PAST:
                    self._past.popitem(last=False)
        return found

    def moved(self) -> None:
        """Somebody in this process has written: look at the store before the next answer."""
        self._looked_at = float("-inf")

    def close(self) -> None:
        """End the thread that looks."""
        self._looker.shutdown(wait=True)

    def _look_if_due(self) -> tuple[bool, Future[None] | None]:
        """(whether this call set a look off, the look that is under way)."""
        with self._lock:
            if self._looking is not None:
                return False, self._looking
            if time.monotonic() - self._looked_at <= LOOK_SECONDS:
                return False, None
            self._looking = looking = self._looker.submit(self._look)
        looking.add_done_callback(self._looked)
        return True, looking

    def _looked(self, _looking: Future[None]) -> None:
        with self._lock:
            self._looking = None

    def _look(self) -> None:
        asked_at = time.monotonic()
        build = self._store.current(self._environment)
        held = self._view.build if self._view is not None else None
        if build != held:
            found = self._store.load(self._environment) if build is not None else None
            self._view = _view(found)
        self._looked_at = asked_at


def _view(found: Snapshot | None) -> View | None:
    return View(found.build, found.graph) if found is not None else None


def _no_graph(environment: str, known: bool) -> NotFound | StoreUnavailable:
    if not known:
        return StoreUnavailable(f"the graph of {environment} is still being loaded", next_step="ask again")
    return NotFound(
        f"{environment} has no graph yet", next_step="run `karma config publish` and `karma graph build`"
    )
