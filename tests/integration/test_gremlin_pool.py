"""Gremlin queries of a server: in processes of their own, within budgets of memory and time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from karma_adapters.gremlin.embedded import EmbeddedGremlin
from karma_adapters.gremlin.pool import GremlinPool
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core.errors import StoreUnavailable, UsageError
from karma_core.graph.gremlin_text import MAX_STEPS
from tests.graphs import graph, publish

PATHS = "g.V().both().both().both().path().dedup().count()"
"""Keeps every path: gigabytes within seconds on a hub."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteGraphStore]:
    """A hub with 3,000 consumers."""
    store = SqliteGraphStore(tmp_path_factory.mktemp("hub") / "graph.db")
    publish(store, graph([(f"app/n{i}", "hub/one") for i in range(3_000)]))
    yield store
    store.close()


@pytest.fixture(scope="module")
def pool(store: SqliteGraphStore) -> Iterator[GremlinPool]:
    """Two processes with little memory."""
    pool = GremlinPool(store, processes=2, megabytes=256)
    yield pool
    pool.close()


def test_it_answers_as_the_engine_in_this_process(store: SqliteGraphStore, pool: GremlinPool) -> None:
    """Results, what was cut off, and refusals."""
    engine = EmbeddedGremlin(store)
    for text in ("g.V().hasLabel('Component').count()", "g.V('prod:hub/one').in().limit(7)", "g.V().id()"):
        assert pool.query("prod", text) == engine.query("prod", text)
    with pytest.raises(UsageError) as caught:
        pool.query("prod", "g.V().values('type').sum()")
    assert caught.value.code == "gremlin"


def test_a_query_beyond_its_memory_ends_alone(pool: GremlinPool) -> None:
    """It is refused with the reason; a query beside it and the next ones are answered."""
    with ThreadPoolExecutor(2) as threads:
        greedy = threads.submit(pool.query, "prod", PATHS)
        assert pool.query("prod", "g.V('prod:hub/one').in().count()").results == [3_000]
        with pytest.raises(UsageError, match="memory"):
            greedy.result()
    assert pool.query("prod", "g.V('prod:hub/one').in().count()").results == [3_000]


def test_a_query_beyond_its_time_ends(store: SqliteGraphStore, pool: GremlinPool) -> None:
    """Also one that waits for others: it is not begun after its time."""
    wide = GremlinPool(store, processes=1, megabytes=8_192)
    assert wide.query("prod", "g.V('prod:hub/one').in().count()").results == [3_000]
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        wide.query("prod", PATHS, seconds=0.1)
    assert time.monotonic() - began < 5
    wide.close()
    held = [pool._free.get() for _ in range(2)]
    try:
        with pytest.raises(StoreUnavailable, match="not begun"):
            pool.query("prod", "g.V().count()", seconds=0.1)
    finally:
        for process in held:
            pool._free.put(process)


def test_a_new_build_is_seen(tmp_path: Path) -> None:
    """Of no graph, of the first build, and of the next one."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    pool = GremlinPool(store, processes=1)
    for nodes in ([], ["vpc/a"], ["vpc/a", "vpc/b"], ["vpc/a", "vpc/b", "vpc/c"]):
        if nodes:
            publish(store, graph(nodes=nodes))
        assert pool.query("prod", "g.V().hasLabel('Component').count()").results == [len(nodes)]
    pool.close()
    with pytest.raises(StoreUnavailable):
        pool.query("prod", "g.V().count()")
    store.close()


def test_a_text_of_too_many_steps_is_refused(pool: GremlinPool) -> None:
    """Before anything runs it."""
    with pytest.raises(UsageError, match="steps"):
        pool.query("prod", "g.V()" + ".both()" * MAX_STEPS)
