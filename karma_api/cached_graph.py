"""The current graph in memory, following the store by its build.

A view is one build whole, and what was answered from it: it never changes, and all of it goes at once when
the next build is there. Whoever reads gets the view that is here. Looking whether the store has moved on, and
loading what it has, is done by one thread beside; the reader that sets it off waits for it a moment, so that
a graph that loads quickly is seen at once, and nobody waits for a large one or for a publish that goes on.
What was asked of the old build is answered from the new one before that is shown.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from threading import Lock
from typing import Any, Final

from karma_api.memory import give_back
from karma_api.rendered import Rendered
from karma_core import ports
from karma_core.deadlines import Deadline
from karma_core.errors import KarmaError, NotFound, StoreUnavailable
from karma_core.graph import history
from karma_core.graph.delta import digest
from karma_core.graph.graph import Graph
from karma_core.model import Build, Component, Edge, Finding, GraphData, Kind, Snapshot
from karma_core.use_cases.graph.last_build import require_intact

LOOK_SECONDS: Final = 0.05
"""How old what is known of the store may be. Ours: so long that looking costs a busy server nothing, so short
that whoever built a graph with another program sees it."""
PATIENCE_SECONDS: Final = 0.2
"""How long a reader waits for a newer build while it has an older one, and how long after a write of this
process readers wait at all. Ours: 1,000 components take 0.02 s."""
FIRST_SECONDS: Final = 30.0
"""How long it waits where it has none."""
PREPARE_SECONDS: Final = 2.0
"""How long a new build is kept back at most while what was asked of the old one is answered from it, so that
its first readers do not all wait for the same answers."""
MAX_ANSWERS: Final = 256
"""Answers kept of one build."""
MAX_QUESTIONS: Final = 4 * MAX_ANSWERS
"""Questions of one build that are remembered, those that got an error included."""
MAX_PAST: Final = 4
"""Earlier builds kept in memory."""


Again = Callable[[], object]
"""Answers a question of the view that is pinned, and keeps the answer with it."""
_PINNED: ContextVar[View | None] = ContextVar("pinned", default=None)
"""The view that handlers see in a thread that prepares it, before anybody else does."""


class View:
    """One build's graph with everything that is worked out from it once.

    `before` is the view that it takes the place of: of what has not changed since, nothing is made again.
    """

    def __init__(self, build: Build, data: GraphData, before: View | None = None) -> None:
        self.build = build
        self.data = data
        self.rendered: Rendered = Rendered(before.rendered if before is not None else None)
        if before is not None and _same_shape(data, before.data):
            self.__dict__.update({k: v for k, v in before.__dict__.items() if k in _OF_SHAPE})
        self.etag = f'"{build.id}-{build.digest.removeprefix("sha256:")[:12]}"'
        self._answers: dict[Hashable, Any] = {}
        self._making: dict[Hashable, Lock] = {}
        self._again: dict[Hashable, Again] = {}
        self._asked: set[Hashable] = set()

    @cached_property
    def graph(self) -> Graph:
        """The graph's structure."""
        return Graph(self.data)

    @cached_property
    def nodes(self) -> dict[str, Component]:
        """Components by address, sorted."""
        return {node.address: node for node in self.data.nodes}

    @cached_property
    def addresses(self) -> list[str]:
        """All addresses, sorted."""
        return list(self.nodes)

    @cached_property
    def producers_of(self) -> dict[str, list[Edge]]:
        """Consumer → its `depends_on` edges, sorted."""
        return self._edges(lambda edge: edge.source)

    @cached_property
    def consumers_of(self) -> dict[str, list[Edge]]:
        """Producer → the `depends_on` edges that point at it, sorted."""
        return self._edges(lambda edge: edge.target)

    @cached_property
    def findings_of(self) -> dict[str, list[Finding]]:
        """Component → what the build's checks say of it, errors first."""
        findings: dict[str, list[Finding]] = {}
        for finding in self.build.findings:
            findings.setdefault(finding.component, []).append(finding)
        return findings

    def _edges(self, end: Callable[[Edge], str]) -> dict[str, list[Edge]]:
        edges: dict[str, list[Edge]] = {}
        for edge in self.data.edges:
            if edge.kind == Kind.DEPENDS_ON:
                edges.setdefault(end(edge), []).append(edge)
        return edges

    def component(self, address: str) -> Component:
        """One component; NotFound."""
        self.graph.producers(address)  # says what is not there, in the graph's own words
        return self.nodes[address]

    def answered(self, key: Hashable) -> Any:
        """Return the cached answer to this question, or None."""
        if len(self._asked) >= MAX_QUESTIONS:  # most of them have no answer
            self._asked = set()
        self._asked.add(key)
        return self._answers.get(key)

    def questions(self) -> list[Again]:
        """Return how to answer this build's questions again for another build."""
        return [again for key, again in list(self._again.items()) if key in self._asked]

    def being_made(self, key: Hashable) -> Lock:
        """Held by whoever makes the answer to this question: the others wait and find it made."""
        if len(self._making) >= MAX_QUESTIONS:
            self._making = {}
        return self._making.setdefault(key, Lock())

    def remember(self, key: Hashable, answer: Any, again: Again | None = None) -> None:
        """Keep an answer, and how to make it anew for another build.

        When there are too many, all are forgotten: the common ones are back at once.
        """
        if len(self._answers) >= MAX_ANSWERS:
            self._answers, self._making, self._again, self._asked = {}, {}, {}, set()
        self._answers[key] = answer
        if again is not None:
            self._again[key] = again


def _unchecked(build: Build | None) -> None:
    """Take every build for the newest."""
    del build


class CachedGraph:
    """Views of one environment's graph. Threads share it.

    `patience_seconds` is how long a reader waits for a newer build, `first_seconds` where it has none. Where
    one waits already, others take the view that is here, unless `all_wait`. `check` raises where a
    build is not the one that was published last.
    """

    def __init__(
        self,
        store: ports.GraphStore,
        artifacts: ports.ArtifactStore,
        environment: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        first_seconds: float = FIRST_SECONDS,
        all_wait: bool = False,
        check: Callable[[Build | None], None] = _unchecked,
    ) -> None:
        self._all_wait = all_wait
        self._check = check
        self._patience = patience_seconds
        self._first = first_seconds
        self._store = store
        self._artifacts = artifacts
        self._environment = environment
        self._view: View | None = None
        self._looked_at = float("-inf")
        self._written = self._seen = 0
        """Writes of this process, and how many of them the last look had behind it."""
        self._written_at = float("-inf")
        self._lock = Lock()
        self._looking: Future[None] | None = None
        self._awaited = False
        """Whether somebody waits for the look that is under way."""
        self._looker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="karma-graph")
        self._past: OrderedDict[int, View] = OrderedDict()

    def at_once(self) -> View | None:
        """The current view where nobody has to wait for it; never waits.

        Where a look at the store is due, it is set off, and None is for the one caller who is to wait for it
        in `view`.
        """
        if self._seen == self._written and time.monotonic() - self._looked_at <= LOOK_SECONDS:
            return self._view
        started, _looking = self._look_if_due()
        return None if started or self._misses_a_write() else self._view

    def view(self) -> View:
        """The current view; NotFound before the first build, StoreUnavailable without the store.

        It has what this process wrote before the call, unless the store keeps that back for long.
        """
        pinned = _PINNED.get()
        if pinned is not None:
            return pinned
        looking = self._wait_for_look()
        if self._misses_a_write():  # the look was under way already when this process wrote
            looking = self._wait_for_look()
        if self._view is None:
            raise _no_graph(self._environment, looking is None or looking.done())
        return self._view

    def _wait_for_look(self) -> Future[None] | None:
        """The look that is under way, waited for where that is this caller's part."""
        _started, looking = self._look_if_due()
        must_wait = self._all_wait or self._misses_a_write() or self._view is None
        if looking is not None and (must_wait or self._first_to_wait()):
            with suppress(TimeoutError):  # a newer build is being loaded: the one that is here is whole
                patience = self._patience if self._view is not None else self._first
                looking.result(Deadline.after(patience).left())
        return looking

    def _misses_a_write(self) -> bool:
        """Whether this process wrote a moment ago and no look has been begun and ended since."""
        return self._seen != self._written and time.monotonic() - self._written_at < self._patience

    def at(self, when: str | None) -> View:
        """The view of a build or time (None: the current one); NotFound, UsageError."""
        if when is None:
            return self.view()
        build = history.at(self._store, self._environment, when)
        view = self._past.get(build.id)
        if view is None:
            graph = history.restore(self._artifacts, self._store, self._environment, build.id)
            view = View(build, graph)
            with self._lock:
                self._past[build.id] = view
                while len(self._past) > MAX_PAST:
                    self._past.popitem(last=False)
        return view

    def moved(self) -> None:
        """Somebody in this process has written: look at the store before the next answer."""
        with self._lock:
            self._written += 1
            self._written_at = time.monotonic()

    def close(self) -> None:
        """End the thread that looks."""
        self._looker.shutdown(wait=True)

    def _look_if_due(self) -> tuple[bool, Future[None] | None]:
        """(whether this call set a look off, the look that is under way)."""
        with self._lock:
            if self._looking is not None and not self._looking.done():
                return False, self._looking
            if self._seen == self._written and time.monotonic() - self._looked_at <= LOOK_SECONDS:
                return False, None
            self._awaited = False
            self._looking = looking = self._looker.submit(self._look, self._written)
        looking.add_done_callback(self._looked)
        return True, looking

    def _first_to_wait(self) -> bool:
        """Whether nobody waits yet for the look that is under way; from now on somebody does."""
        with self._lock:
            first, self._awaited = not self._awaited, True
            return first

    def _looked(self, looking: Future[None]) -> None:
        """Called a moment after those who wait for the look go on: another may be under way by then."""
        with self._lock:
            if self._looking is looking:
                self._looking = None

    def _look(self, written: int) -> None:
        asked_at = time.monotonic()
        build = self._store.current(self._environment)
        held = self._view.build if self._view is not None else None
        if build != held:
            self._check(build)
            snapshot = self._store.load(self._environment) if build is not None else None
            if snapshot is not None:
                require_intact(snapshot.build, digest(snapshot.graph))
            self._view = _prepared(snapshot, self._view)
            del snapshot  # with all that the view shares with the one before, instead of having it twice
            give_back()
        self._looked_at, self._seen = asked_at, written


_OF_SHAPE: Final = frozenset({"graph", "addresses", "producers_of", "consumers_of"})
"""What a view works out from addresses and edges alone."""


def _same_shape(data: GraphData, before: GraphData) -> bool:
    """Whether both have the same addresses and edges; cheap, as equal edges are shared."""
    same = data.edges is before.edges and len(data.nodes) == len(before.nodes)
    return same and all(new.address == old.address for new, old in zip(data.nodes, before.nodes, strict=True))


def _shared(data: GraphData, before: GraphData) -> GraphData:
    """The same graph, with the objects of the one before where they are equal."""
    held = {node.address: node for node in before.nodes}
    nodes = tuple([old if (old := held.get(node.address)) == node else node for node in data.nodes])
    edges = before.edges if data.edges == before.edges else data.edges
    return GraphData(nodes=nodes, edges=edges, changes=data.changes)


def _prepared(snapshot: Snapshot | None, before: View | None) -> View | None:
    """Return the view of a loaded graph, prepared with answers to the questions of the view before."""
    if snapshot is None:
        return None
    view = View(
        snapshot.build, _shared(snapshot.graph, before.data) if before is not None else snapshot.graph, before
    )
    token = _PINNED.set(view)
    until = time.monotonic() + PREPARE_SECONDS
    try:
        for again in before.questions() if before is not None else ():
            if time.monotonic() > until:
                break
            with suppress(KarmaError):  # a component that is gone: whoever asks again is told
                again()
    finally:
        _PINNED.reset(token)
    return view


def _no_graph(environment: str, known: bool) -> NotFound | StoreUnavailable:
    if not known:
        return StoreUnavailable(f"the graph of {environment} is still being loaded", next_step="ask again")
    return NotFound(
        f"{environment} has no graph yet", next_step="run `karma config publish` and `karma graph build`"
    )
