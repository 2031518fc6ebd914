"""Reads follow the store by its build: whole, never waiting for a publish, answered before they are asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from karma_api.cached_graph import (
    LOOK_SECONDS,
    MAX_ANSWERS,
    MAX_PAST,
    MAX_QUESTIONS,
    PATIENCE_SECONDS,
    CachedGraph,
    View,
)
from karma_core.errors import NotFound
from karma_core.graph.delta import diff, digest, make_graph
from karma_core.model import Build, GraphData
from karma_core.records import Lease
from tests.graphs import component
from tests.graphs import graph as graph_of
from tests.memory.artifacts import MemoryArtifacts
from tests.memory.graph import MemoryGraphStore

LEASE = Lease(names=("graph",), holder="t", token=1, expires_at=0.0)


class SlowStore(MemoryGraphStore):
    """A store whose calls wait while `gate` is closed, as during a publish that holds its lock."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def current(self, environment: str) -> Build | None:
        self.gate.wait(30)
        return super().current(environment)


def publish(store: MemoryGraphStore, number: int) -> None:
    """Build `number`: so many components, each at that config version."""
    names = [f"a/n{place}" for place in range(number)]
    graph = make_graph([component(name, environment="test", version=number) for name in names], [])
    before = store.load("test")
    old: GraphData | None = before.graph if before else None
    build = Build(
        id=number, environment="test", created_at="2026-01-01T00:00:00.000000Z", digest=digest(graph),
        components=number, dependencies=0, added=0, changed=0, removed=0, base=number - 1 or None,
    )  # fmt: skip
    store.commit(build, diff(old, graph), LEASE)


@pytest.fixture
def cached() -> Iterator[tuple[SlowStore, CachedGraph]]:
    """An empty store and the cache over it."""
    store = SlowStore()
    graph = CachedGraph(store, MemoryArtifacts(), "test")
    yield store, graph
    store.gate.set()
    graph.close()


def test_the_view_follows_the_store(cached: tuple[SlowStore, CachedGraph]) -> None:
    """NotFound before the first build; each later one is seen by the reader that looks."""
    store, graph = cached
    with pytest.raises(NotFound):
        graph.view()
    for number in (1, 2, 3):
        publish(store, number)
        graph.moved()
        assert graph.view().build.id == number


def test_nobody_waits_for_a_publish(cached: tuple[SlowStore, CachedGraph]) -> None:
    """While the store does not answer, readers get the build before: after a moment, then at once."""
    store, graph = cached
    publish(store, 1)
    assert graph.view().build.id == 1
    publish(store, 2)
    store.gate.clear()
    graph.moved()
    assert graph.view().build.id == 1
    time.sleep(PATIENCE_SECONDS)
    started = time.monotonic()
    assert [graph.view().build.id for _ in range(50)] == [1] * 50
    assert time.monotonic() - started < 50 * PATIENCE_SECONDS / 2
    assert graph.at_once() is not None
    store.gate.set()
    while graph.view().build.id == 1:
        graph.moved()


def test_a_look_that_was_waited_for_in_vain_is_waited_for_again() -> None:
    """Where all wait, as in a function: the next request may be the one that the store answers in time."""
    store = SlowStore()
    graph = CachedGraph(
        store, MemoryArtifacts(), "test", patience_seconds=0.5, first_seconds=10, all_wait=True
    )
    try:
        publish(store, 1)
        assert graph.view().build.id == 1
        publish(store, 2)
        store.gate.clear()
        time.sleep(2 * LOOK_SECONDS)
        assert graph.view().build.id == 1
        threading.Timer(0.1, store.gate.set).start()
        assert graph.view().build.id == 2
    finally:
        store.gate.set()
        graph.close()


def test_a_write_of_this_process_is_seen_by_whoever_reads_next(cached: tuple[SlowStore, CachedGraph]) -> None:
    """Even where a look had been begun before the write, and others read at the same time."""
    store, graph = cached
    publish(store, 1)
    assert graph.view().build.id == 1
    for number in range(2, 12):
        graph.moved()
        others = [threading.Thread(target=graph.view) for _ in range(3)]
        for other in others:
            other.start()
        publish(store, number)
        graph.moved()
        assert graph.at_once() is None
        assert graph.view().build.id == number
        for other in others:
            other.join()


class SlowEnds(CachedGraph):
    """Who waits for a look goes on before it is seen to have ended, as in a busy interpreter."""

    def _looked(self, looking: Future[None]) -> None:
        time.sleep(0.3)
        super()._looked(looking)


def test_a_look_that_has_just_ended_is_not_taken_for_the_next() -> None:
    """It began before the write: the reader begins another."""
    store = SlowStore()
    publish(store, 1)
    graph = SlowEnds(store, MemoryArtifacts(), "test", patience_seconds=10)
    assert graph.view().build.id == 1
    time.sleep(0.6)
    store.gate.clear()
    graph.moved()
    other = threading.Thread(target=graph.view)
    other.start()  # its look waits at the gate
    time.sleep(0.1)
    graph.moved()  # written while that look was under way
    threading.Timer(0.1, store.gate.set).start()
    written = graph._written
    graph.view()
    assert graph._seen == written
    other.join()
    graph.close()


def test_one_caller_waits_for_a_look(cached: tuple[SlowStore, CachedGraph]) -> None:
    """The first that finds one due is sent to wait for it; the others get the view that is here."""
    store, graph = cached
    publish(store, 1)
    assert graph.view().build.id == 1
    publish(store, 2)
    time.sleep(2 * LOOK_SECONDS)
    store.gate.clear()
    assert graph.at_once() is None
    held = graph.at_once()
    assert held is not None
    assert held.build.id == 1
    threading.Timer(PATIENCE_SECONDS / 4, store.gate.set).start()
    assert graph.view().build.id == 2


def test_a_view_is_one_build_whole(cached: tuple[SlowStore, CachedGraph]) -> None:
    """Whatever is read from a view while builds go by belongs to one build."""
    store, graph = cached
    publish(store, 1)
    mixed: list[Any] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            view = graph.view()
            versions = {node.config_version for node in view.data.nodes}
            if (
                versions != {view.build.id}
                or len(view.nodes) != view.build.id
                or len(view.graph) != len(view.nodes)
            ):
                mixed.append((view.build.id, versions))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 30):
        publish(store, number)
        graph.moved()
        graph.view()
    done.set()
    for reader in readers:
        reader.join()
    assert mixed == []


def test_what_was_asked_is_answered_before_a_build_is_shown(cached: tuple[SlowStore, CachedGraph]) -> None:
    """Only what was asked; a question that has no answer any more is left to who asks it."""
    store, graph = cached
    publish(store, 1)

    def ask(key: str) -> None:
        view = graph.view()
        if key == "gone" and view.build.id > 1:
            raise NotFound("it is gone")
        view.remember(key, view.build.id, lambda: ask(key))

    for key in ("asked", "unasked", "gone"):
        ask(key)
    for key in ("asked", "gone"):
        assert graph.view().answered(key) == 1
    publish(store, 2)
    graph.moved()
    view = graph.view()
    assert view.build.id == 2
    assert [view.answered(key) for key in ("asked", "unasked", "gone")] == [2, None, None]


def test_a_build_shares_what_it_has_of_the_one_before(cached: tuple[SlowStore, CachedGraph]) -> None:
    """Equal components are the same objects; who depends on whom is worked out only where it changed."""
    store, graph = cached
    published = 0

    def views(data: GraphData) -> View:
        nonlocal published
        before = store.load("test")
        published += 1
        build = Build(
            id=published, environment="test", created_at="2026-01-01T00:00:00.000000Z", digest=digest(data),
            components=len(data.nodes), dependencies=len(data.edges), added=0, changed=0, removed=0,
            base=published - 1 or None,
        )  # fmt: skip
        store.commit(build, diff(before.graph if before else None, data), LEASE)
        graph.moved()
        return graph.view()

    data = graph_of([("a/x", "a/y")], ["a/z"], environment="test")
    first = views(data)
    assert first.graph.producers("a/x") == ("a/y",)
    second = views(
        msgspec.structs.replace(
            data, nodes=(component("a/x", environment="test", version=2), *data.nodes[1:])
        )
    )
    assert second.graph is first.graph
    assert second.nodes["a/x"].config_version == 2
    assert second.nodes["a/y"] is first.nodes["a/y"]
    third = views(graph_of([("a/y", "a/x")], ["a/z"], environment="test"))
    assert third.graph.producers("a/y") == ("a/x",)
    assert third.graph.producers("a/x") == ()
    assert third.producers_of.keys() == {"a/y"}


def test_memory_is_bounded(cached: tuple[SlowStore, CachedGraph]) -> None:
    """However many different questions are asked, and of however many builds."""
    store, graph = cached
    publish(store, 1)
    view = graph.view()
    for number in range(5 * MAX_ANSWERS):
        view.remember(number, number)
    for number in range(5 * MAX_QUESTIONS):  # questions whose answer is an error
        view.being_made(-number)
        view.answered(-number)
    assert len(view._answers) <= MAX_ANSWERS
    assert len(view._making) <= MAX_QUESTIONS
    assert len(view._asked) <= MAX_QUESTIONS
    assert isinstance(view, View)
    assert len(graph._past) <= MAX_PAST
