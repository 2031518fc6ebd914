"""The Gremlin store against bare gremlinpython loops, on a real Gremlin Server on this machine."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import msgspec
from gremlin_python.driver.client import Client
from gremlin_python.process.traversal import Bytecode

from benchmarks import components
from benchmarks.figures import Figure, best_of
from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import RESULT_BATCH, Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.deadlines import Deadline
from karma_core.errors import StoreUnavailable
from karma_core.graph.delta import diff, make_graph
from karma_core.model import GraphData
from tests.faulty_gremlin import FaultyGremlin, answering
from tests.gremlin_guard import NeptuneGuard
from tests.integration import gremlin_server

TITLE = "Gremlin store (a Gremlin Server on this machine)"
COMPONENTS = 10_000
CHANGES = 10
PUBLISH_LIMIT = 1.3
"""Times the bare loop."""
REQUEST_LIMIT = 12
POOL_LIMIT = 1.5
"""Times as long as alone."""
READERS = 3
SMALL_READS = 150
SLOW = "slow"
"""The environment whose reads are not answered."""
SLOW_SECONDS = 8
ROUNDS = 5
TIMES = 2
ENVIRONMENT = components.ENVIRONMENT


def run() -> Iterator[Figure]:
    """The figures of this module; none where Java or Maven is missing."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return
    url = gremlin_server.shared().url
    store = GremlinGraphStore(GremlinClient(Endpoint(url=url), serializer=NeptuneGuard))
    graph = components.make(COMPONENTS)
    yield from _first_publish(url, store, graph)
    yield from _second_publish(store, graph)
    yield from _reading(url, store)
    yield _beside_a_slow_query()
    store.close()


def _first_publish(url: str, store: GremlinGraphStore, graph: GraphData) -> Iterator[Figure]:
    def ours() -> None:
        gremlin_server.empty()
        store.commit(components.build_of(1, graph), diff(None, graph), components.lease())

    def bare() -> None:
        gremlin_server.empty()
        _bare_publish(url, graph)

    _bare_publish(url, components.make(1_000))  # the server's code is compiled while it works
    theirs, mine = best_of(TIMES, bare, ours)
    note = f"{mine:.1f} s against {theirs:.1f} s"
    edges = len(graph.edges)
    yield Figure(
        f"first publish, {COMPONENTS:,} and {edges:,} edges", mine / theirs, PUBLISH_LIMIT, "bare loop", note
    )


def _bare_publish(url: str, graph: GraphData) -> None:
    """The same batches in the same transaction, by gremlinpython's own client."""
    client = Client(url, "g", session=str(uuid.uuid4()))
    lock = queries.mark(components.build_of(1, graph), 1, 0)
    client.submit(lock.bytecode).all().result()
    for batch in queries.batches(ENVIRONMENT, 1, queries.writes(ENVIRONMENT, diff(None, graph))):
        client.submit(batch.bytecode).all().result()
    client.submit(Bytecode.GraphOp.commit()).all().result()
    client.close()


def _second_publish(store: GremlinGraphStore, graph: GraphData) -> Iterator[Figure]:
    changed = [msgspec.structs.replace(node, config_version=2) for node in graph.nodes[:CHANGES]]
    newer = make_graph([*changed, *graph.nodes[CHANGES:]], graph.edges)
    before = NeptuneGuard.sent.total()
    loaded = store.load(ENVIRONMENT)
    old = loaded.graph if loaded else None
    store.commit(components.build_of(2, newer), diff(old, newer), components.lease())
    sent = NeptuneGuard.sent.total() - before
    yield Figure(f"read and publish {CHANGES} changes", sent, REQUEST_LIMIT, "requests")


def _reading(url: str, store: GremlinGraphStore) -> Iterator[Figure]:
    client = Client(url, "g", pool_size=1)
    options = {"batchSize": RESULT_BATCH}

    def bare() -> None:
        for build in (queries.read_nodes, queries.read_edges):
            client.submit(build(ENVIRONMENT).bytecode, request_options=options).all().result()

    before = NeptuneGuard.sent.total()
    store.load(ENVIRONMENT)
    sent = NeptuneGuard.sent.total() - before
    theirs, mine = best_of(TIMES, bare, _loading(store))
    client.close()
    yield Figure("reading the graph back", sent, None, "requests")
    note = f"{mine * 1000:,.0f} ms against {theirs * 1000:,.0f} ms"
    yield Figure("reading the graph back", mine / theirs, None, "bare read", note)


def _beside_a_slow_query() -> Figure:
    """Small reads by three threads while the fourth connection waits for a slow query, against them alone.

    The endpoint waits and does not compute: what a query takes of the server's processors, of which this
    machine has few, is not the pool's.
    """
    endpoint = FaultyGremlin(answering(SLOW))
    client = GremlinClient(Endpoint(url=endpoint.url))

    def read() -> None:
        with ThreadPoolExecutor(READERS) as readers:
            list(readers.map(client.submit, [queries.read_lock(ENVIRONMENT)] * SMALL_READS))

    def read_beside() -> None:
        waiting.wait(5)
        read()

    waiting = Event()
    read()
    slow = Thread(target=_ask_slowly, args=(client, waiting))
    slow.start()
    [beside] = best_of(ROUNDS, read_beside)
    if not slow.is_alive():
        raise AssertionError("the query was not slow")
    slow.join()
    [alone] = best_of(ROUNDS, read)
    client.close()
    endpoint.close()
    note = f"{beside * 1000:,.0f} ms against {alone * 1000:,.0f} ms"
    return Figure(f"{SMALL_READS} reads beside a slow query", beside / alone, POOL_LIMIT, "alone", note)


def _ask_slowly(client: GremlinClient, waiting: Event) -> None:
    """Wait for an answer that takes SLOW_SECONDS."""
    waiting.set()
    with suppress(StoreUnavailable):
        client.submit(queries.read_lock(SLOW), until=Deadline.after(SLOW_SECONDS))


def _loading(store: GremlinGraphStore) -> Callable[[], Any]:
    return lambda: store.load(ENVIRONMENT)
