"""The contract of ports.GraphStore, over every adapter."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.readers import ReadersFirst
from karma_adapters.gremlin.store import TRANSACTION_ITEMS, GremlinGraphStore
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core import ports
from karma_core.errors import Conflict, StaleLease
from karma_core.graph.delta import EMPTY, diff, digest, make_graph
from karma_core.model import ChangeNode, Component, Delta, Edge, Finding, Kind, Provenance, Severity, Status
from tests.graphs import component, graph, lease, next_build, publish, random_graph
from tests.gremlin_guard import NeptuneGuard
from tests.integration import gremlin_server
from tests.memory.graph import MemoryGraphStore

HOSTILE = [
    "x').drop()//",
    "g.V().drop()",
    "'; DROP TABLE node; --",
    "\"double\" 'single' `back`",
    '${file("/etc/passwd")} $(id) {{ssm:y}}',
    "Ünïcödé ☃ 漢字 🙂 \u202e rtl",
    "line\nfeed\ttab\\backslash\x00\x01\x7f",
    "[1, 2]",
    "x" * 8192,
    "",
]


GREMLIN = pytest.mark.xdist_group("gremlin")
STORES = [
    "memory",
    "sqlite",
    "readers",
    pytest.param("gremlin", marks=GREMLIN),
    pytest.param("gremlin-staged", marks=GREMLIN),
]


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], ports.GraphStore]]:
    """Opens the store under test; each call is another client of the same data."""
    opened: list[ports.GraphStore] = []
    memory = MemoryGraphStore()
    endpoint = None
    if "gremlin" in request.param:
        endpoint = Endpoint(url=gremlin_server.required().url)
        gremlin_server.empty()

    def opener() -> ports.GraphStore:
        store: ports.GraphStore
        if endpoint is not None:
            items = 0 if request.param == "gremlin-staged" else TRANSACTION_ITEMS
            client = GremlinClient(endpoint, serializer=NeptuneGuard)
            store = GremlinGraphStore(client, transaction_items=items)
        elif request.param == "sqlite":
            store = SqliteGraphStore(tmp_path / "graph.db")
        elif request.param == "readers":
            writer, reader = (SqliteGraphStore(tmp_path / "graph.db") for _ in range(2))
            store = ReadersFirst(writer, reader)
        else:
            store = memory
        opened.append(store)
        return store

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], ports.GraphStore]) -> ports.GraphStore:
    """One client of the store under test."""
    return open_store()


def test_an_environment_without_builds_has_no_graph(store: ports.GraphStore) -> None:
    """Before the first publish there is no build, and that is not an error."""
    assert store.current("prod") is None
    assert store.load("prod") is None
    assert store.builds("prod") == ()
    assert store.build("prod", 1) is None


def test_a_published_graph_is_read_back_whole(store: ports.GraphStore) -> None:
    """Every field of components, edges and the build survives, and the lists are sorted."""
    full = component("vpc/core")
    full = msgspec.structs.replace(
        full,
        status=Status.DRIFTED,
        config_digest="sha256:1",
        runtime_version=3,
        runtime_digest="hmac:2",
        applied_fingerprint="sha256:3",
        provenance=Provenance(commit="abc", path="iac/prod/vpc/core/config.json", dirty=True, change="c-1"),
    )
    bare = msgspec.structs.replace(component("rds/a"), config_path=None, config_version=None)
    edges = [
        Edge(source="rds/a", target="vpc/core", kind=Kind.CONSUMES, keys=()),
        Edge(source="rds/a", target="vpc/core", via=("declared", "nickname"), pointers=("/a/0", "/b,c")),
        Edge(source="vpc/core", target="rds/a", kind=Kind.EMITS, keys=("a", "b,c")),
    ]
    target = make_graph([full, bare], edges)
    finding = Finding(code="schema", severity=Severity.WARNING, component="rds/a", pointer="/x", message="m")
    build = msgspec.structs.replace(
        next_build(None, target), findings=(finding,), snapshot="graph/prod/1", inputs="sha256:4", added=2
    )
    store.commit(build, diff(None, target), lease())
    found = store.load("prod")
    assert found is not None
    assert found.graph == target
    assert found.build == build
    assert store.current("prod") == build
    assert store.build("prod", 1) == build


def changed(address: str, change: str | None) -> Component:
    """A component whose config a change wrote."""
    provenance = Provenance(change=change) if change else Provenance(commit="abc")
    return msgspec.structs.replace(component(address), provenance=provenance)


def test_changes_are_part_of_the_graph(store: ports.GraphStore) -> None:
    """They are read back whole, change with the delta, go with it, and do not touch what else is there."""
    cause = ChangeNode(id="c-1", environment="prod", requested_by="ann", source="cli", reason=HOSTILE[0])
    effect = ChangeNode(id="c-2", environment="prod", requested_by="bob", triggered_by="c-1")
    edges = [Edge(source="rds/a", target="vpc/core")]
    first = make_graph([changed("vpc/core", "c-1"), changed("rds/a", "c-2")], edges, [effect, cause])
    publish(store, first)
    found = store.load("prod")
    assert found is not None
    assert found.graph == first
    second = make_graph([changed("vpc/core", None), changed("rds/a", "c-1")], edges, [cause])
    publish(store, second)
    assert (found := store.load("prod")) is not None
    assert found.graph == second
    publish(store, make_graph([changed("vpc/core", None)], []))
    assert (found := store.load("prod")) is not None
    assert found.graph.changes == ()


def test_an_empty_graph_can_be_published(store: ports.GraphStore) -> None:
    """A build without components is a build."""
    build = publish(store, EMPTY)
    found = store.load("prod")
    assert found is not None
    assert (found.build, found.graph) == (build, EMPTY)


def test_a_delta_changes_only_what_it_names(store: ports.GraphStore) -> None:
    """Put replaces whole records, drops remove, everything else stays."""
    publish(store, graph([("rds/a", "vpc/core"), ("rds/b", "vpc/core"), ("rds/c", "vpc/core")]))
    newer = component("rds/a", version=2)
    rekeyed = Edge(source="rds/c", target="vpc/core", keys=("id",))
    delta = Delta(
        put_nodes=(newer,),
        put_edges=(rekeyed,),
        drop_nodes=("rds/b",),
        drop_edges=(("rds/b", "vpc/core", "depends_on"),),
    )
    store.commit(next_build(store.current("prod"), EMPTY), delta, lease())
    found = store.load("prod")
    assert found is not None
    assert [(n.address, n.config_version) for n in found.graph.nodes] == [
        ("rds/a", 2),
        ("rds/c", 1),
        ("vpc/core", 1),
    ]
    assert [(e.source, e.via, e.keys) for e in found.graph.edges] == [
        ("rds/a", ("nickname",), None),
        ("rds/c", (), ("id",)),
    ]


def test_dropping_what_is_not_there_is_no_error(store: ports.GraphStore) -> None:
    """A delta that was made twice does no harm the second time."""
    publish(store, graph([("rds/a", "vpc/core")]))
    delta = Delta(drop_nodes=("x/y",), drop_edges=(("x/y", "vpc/core", "depends_on"),))
    store.commit(next_build(store.current("prod"), EMPTY), delta, lease())
    found = store.load("prod")
    assert found is not None
    assert found.graph == graph([("rds/a", "vpc/core")])


def test_fields_that_become_empty_are_emptied(store: ports.GraphStore) -> None:
    """A put replaces the whole record: no field of the old one shines through."""
    old = msgspec.structs.replace(component("vpc/core"), runtime_version=1, provenance=Provenance(commit="a"))
    publish(store, make_graph([old], []))
    target = make_graph([msgspec.structs.replace(component("vpc/core"), config_path=None)], [])
    publish(store, target)
    found = store.load("prod")
    assert found is not None
    assert found.graph == target


def test_random_graphs_converge(store: ports.GraphStore) -> None:
    """Diff then publish gives the built graph, from any graph to any other."""
    source = random.Random(7)
    for _ in range(12):
        target = random_graph(source, nodes=12)
        build = publish(store, target)
        found = store.load("prod")
        assert found is not None
        assert found.graph == target
        assert digest(found.graph) == build.digest


def test_builds_are_listed_newest_first(store: ports.GraphStore) -> None:
    """History is the list of builds, cut to the limit."""
    made = [publish(store, graph(nodes=[f"vpc/n{number}"])) for number in range(3)]
    assert store.builds("prod") == tuple(reversed(made))
    assert store.builds("prod", limit=2) == (made[2], made[1])
    assert store.build("prod", 2) == made[1]
    assert store.build("prod", 4) is None


def test_environments_are_isolated(store: ports.GraphStore) -> None:
    """The same addresses in two environments do not meet, nor do their builds and fences."""
    publish(store, graph([("rds/a", "vpc/core")]), token=9)
    target = make_graph([component("vpc/core", environment="dev", version=5)], [])
    publish(store, target, token=1, environment="dev")
    publish(store, EMPTY, token=9)
    found = store.load("dev")
    assert found is not None
    assert found.graph == target
    assert [build.id for build in store.builds("dev")] == [1]
    assert [build.id for build in store.builds("prod")] == [2, 1]


def test_a_lower_token_is_refused(open_store: Callable[[], ports.GraphStore]) -> None:
    """A writer whose lease was taken over writes nothing, through whichever client."""
    first, second = open_store(), open_store()
    publish(first, graph(nodes=["vpc/a"]), token=2)
    publish(second, graph(nodes=["vpc/b"]), token=3)
    with pytest.raises(StaleLease):
        publish(first, graph(nodes=["vpc/c"]), token=2)
    found = second.load("prod")
    assert found is not None
    assert found.graph == graph(nodes=["vpc/b"])
    publish(first, graph(nodes=["vpc/d"]), token=3)


def test_a_refused_publish_still_raises_the_fence(store: ports.GraphStore) -> None:
    """A token counts as seen even where its publish was refused for its base."""
    publish(store, graph(nodes=["vpc/a"]), token=1)
    late = next_build(None, EMPTY)
    with pytest.raises(Conflict):
        store.commit(late, Delta(), lease(5))
    with pytest.raises(StaleLease):
        publish(store, EMPTY, token=4)


def test_a_moved_base_is_a_conflict(store: ports.GraphStore) -> None:
    """A build made from another build than the current one is refused and changes nothing."""
    publish(store, graph(nodes=["vpc/a"]))
    stale = next_build(store.current("prod"), EMPTY)
    publish(store, graph(nodes=["vpc/b"]))
    for build in (stale, next_build(None, EMPTY), msgspec.structs.replace(stale, id=3)):
        with pytest.raises(Conflict) as refused:
            store.commit(build, Delta(drop_nodes=("vpc/b",)), lease())
        assert not isinstance(refused.value, StaleLease)
    found = store.load("prod")
    assert found is not None
    assert found.graph == graph(nodes=["vpc/b"])
    assert found.build.id == 2


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_are_stored_literally(store: ports.GraphStore, value: str) -> None:
    """Values are data: what goes in comes out, and nothing else happens."""
    node = msgspec.structs.replace(
        component("vpc/core"), config_digest=value, provenance=Provenance(commit=value, path=value)
    )
    edge = Edge(source="rds/a", target="vpc/core", via=(value,), pointers=(value, value + "x"), keys=(value,))
    target = make_graph([node, component("rds/a")], [edge])
    build = publish(store, target)
    publish(store, make_graph([component("vpc/x", environment="dev")], []), environment="dev")
    found = store.load("prod")
    assert found is not None
    assert found.graph == target
    assert found.build == build


@pytest.mark.parametrize("address", ["x').drop()//", "a/${b}", "ä/漢", "a/b:c", "a/b|c", "a/'\"`"])
def test_hostile_addresses_are_stored_literally(store: ports.GraphStore, address: str) -> None:
    """Names are checked long before, and a store does not rely on it."""
    node = msgspec.structs.replace(component("vpc/core"), address=address)
    target = make_graph([node, component("vpc/core")], [Edge(source=address, target="vpc/core")])
    publish(store, target)
    found = store.load("prod")
    assert found is not None
    assert found.graph == target
    publish(store, graph(nodes=["vpc/core"]))
    found = store.load("prod")
    assert found is not None
    assert found.graph == graph(nodes=["vpc/core"])


def test_readers_never_see_half_a_graph(open_store: Callable[[], ports.GraphStore]) -> None:
    """While a writer publishes, every read gives the graph whose digest its build carries."""
    writer, reader = open_store(), open_store()
    publish(writer, random_graph(random.Random(0), nodes=60))
    stop = threading.Event()
    failures: list[object] = []
    reads = []

    def poll() -> None:
        while not stop.is_set():
            found = reader.load("prod")
            if found is None or digest(found.graph) != found.build.digest:
                failures.append(found)
            reads.append(found)

    thread = threading.Thread(target=poll)
    thread.start()
    for seed in range(1, 15):
        publish(writer, random_graph(random.Random(seed), nodes=60))
    while len(reads) < 4 and thread.is_alive():  # a busy machine reads less often than it writes
        thread.join(0.01)
    stop.set()
    thread.join()
    assert not failures
    assert len(reads) > 3
    current = writer.current("prod")
    assert current is not None
    assert current.id == 15


def test_concurrent_builders_make_one_order(open_store: Callable[[], ports.GraphStore]) -> None:
    """Builders that race are refused or follow each other; builds count 1, 2, 3 … without a gap.

    Each publish comes with a lease of its own, as leases that expire give them out.
    """
    stores = [open_store() for _ in range(4)]
    tokens = itertools.count(1)
    refused = []

    def build(number: int) -> None:
        for turn in range(5):
            try:
                publish(stores[number], graph(nodes=[f"vpc/n{number}-{turn}"]), token=next(tokens))
            except Conflict as error:
                refused.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    builds = stores[0].builds("prod")
    assert [build.id for build in builds] == list(range(len(builds), 0, -1))
    assert len(builds) + len(refused) == 20
    assert [build.base for build in builds] == [*range(len(builds) - 1, 0, -1), None]
    found = stores[0].load("prod")
    assert found is not None
    assert digest(found.graph) == builds[0].digest
