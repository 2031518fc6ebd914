"""The Gremlin store against bare gremlinpython loops, on a real Gremlin Server on this machine."""

from __future__ import annotations

import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from gremlin_python.driver.client import Client
from gremlin_python.process.traversal import Bytecode

from benchmarks.figures import Figure, best_of
from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import RESULT_BATCH, Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.graph.delta import diff, digest, make_graph
from karma_core.ids import config_parameter, make_address, runtime_parameter
from karma_core.model import Build, Component, Edge, GraphData, Provenance, Status
from karma_core.records import Lease
from karma_core.strictjson import digest as digest_of
from tests.gremlin_guard import NeptuneGuard
from tests.integration import gremlin_server

TITLE = "Gremlin store (a Gremlin Server on this machine)"
COMPONENTS, REFERENCES = 10_000, 3
CHANGES = 10
PUBLISH_LIMIT = 1.3
"""Times the bare loop."""
REQUEST_LIMIT = 12
TIMES = 2
ENVIRONMENT = "bench"
TYPES = ("vpc", "cluster", "bucket", "service", "queue")


def run() -> Iterator[Figure]:
    """The figures of this module; none where Java or Maven is missing."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return
    url = gremlin_server.shared().url
    store = GremlinGraphStore(GremlinClient(Endpoint(url=url), serializer=NeptuneGuard))
    graph = _graph()
    yield from _first_publish(url, store, graph)
    yield from _second_publish(store, graph)
    yield from _reading(url, store)
    store.close()


def _first_publish(url: str, store: GremlinGraphStore, graph: GraphData) -> Iterator[Figure]:
    def ours() -> None:
        gremlin_server.empty()
        store.publish(_build(1, graph), diff(None, graph), _lease())

    def bare() -> None:
        gremlin_server.empty()
        _bare_publish(url, graph)

    _bare_publish(url, _graph(1_000))  # the server's code is compiled while it works
    theirs, mine = best_of(TIMES, bare, ours)
    note = f"{mine:.1f} s against {theirs:.1f} s"
    edges = len(graph.edges)
    yield Figure(
        f"first publish, {COMPONENTS:,} and {edges:,} edges", mine / theirs, PUBLISH_LIMIT, "bare loop", note
    )


def _bare_publish(url: str, graph: GraphData) -> None:
    """The same batches in the same transaction, by gremlinpython's own client."""
    client = Client(url, "g", session=str(uuid.uuid4()))
    lock = queries.mark(_build(1, graph), 1, 0)
    client.submit(lock.bytecode).all().result()
    for batch in queries.batches(ENVIRONMENT, 1, queries.writes(ENVIRONMENT, diff(None, graph))):
        client.submit(batch.bytecode).all().result()
    client.submit(Bytecode.GraphOp.commit()).all().result()
    client.close()


def _second_publish(store: GremlinGraphStore, graph: GraphData) -> Iterator[Figure]:
    changed = [msgspec.structs.replace(node, config_version=2) for node in graph.nodes[:CHANGES]]
    newer = make_graph([*changed, *graph.nodes[CHANGES:]], graph.edges)
    before = NeptuneGuard.sent.total()
    found = store.load(ENVIRONMENT)
    old = found.graph if found else None
    store.publish(_build(2, newer), diff(old, newer), _lease())
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


def _loading(store: GremlinGraphStore) -> Callable[[], Any]:
    return lambda: store.load(ENVIRONMENT)


def _graph(count: int = COMPONENTS) -> GraphData:
    """Components with every field filled, each with three references to earlier ones."""
    source = random.Random(1)
    addresses = [make_address(TYPES[number % len(TYPES)], f"c{number:06}") for number in range(count)]
    edges = {}
    for place, address in enumerate(addresses):
        for target in source.sample(addresses[:place], min(place, REFERENCES)):
            edges[address, target] = Edge(
                source=address, target=target, via=("nickname",), pointers=("/nickname",)
            )
    return make_graph([_component(address) for address in addresses], edges.values())


def _component(address: str) -> Component:
    component_type, nickname = address.split("/")
    return Component(
        address=address,
        type=component_type,
        nickname=nickname,
        environment=ENVIRONMENT,
        status=Status.CURRENT,
        config_path=config_parameter("/iac", address),
        config_version=1,
        config_digest=digest_of(address),
        runtime_path=runtime_parameter("/iac", address),
        runtime_version=1,
        runtime_digest=digest_of([address]),
        applied_fingerprint=digest_of({"of": address}),
        provenance=Provenance(commit="c" * 40, path=f"iac/{ENVIRONMENT}/{address}/config.json"),
    )


def _build(number: int, graph: GraphData) -> Build:
    return Build(
        id=number,
        environment=ENVIRONMENT,
        created_at="2026-01-01T00:00:00.000000Z",
        digest=digest(graph),
        components=len(graph.nodes),
        dependencies=len(graph.edges),
        added=0,
        changed=0,
        removed=0,
        base=number - 1 or None,
    )


def _lease() -> Lease:
    return Lease(names=("graph",), holder="bench", token=1, expires_at=0.0)
