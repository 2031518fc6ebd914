"""Faults around a real Gremlin Server: lost replies, old leases, many builders, a restarted server."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from gremlin_python.driver.protocol import GremlinServerError

from karma_adapters.gremlin import committing, queries, retry
from karma_adapters.gremlin.client import Endpoint, GremlinClient, Submit
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.store import TRANSACTION_ITEMS, GremlinGraphStore
from karma_core import failpoints
from karma_core.deadlines import Deadline
from karma_core.errors import Conflict, StaleLease, StoreUnavailable
from karma_core.graph.delta import diff, digest, make_graph
from karma_core.model import Delta, GraphData
from tests.graphs import component, graph, lease, next_build, publish, random_graph
from tests.gremlin_guard import NeptuneGuard
from tests.integration import gremlin_server
from tests.integration.lossy_transport import Losses

pytestmark = pytest.mark.xdist_group("gremlin")
COMMIT = b"\x00\x02tx"
"""In the bytes of a commit, and in those of no other request."""
SOAK = os.environ.get("KARMA_SOAK") == "1"
_numbers = itertools.count(1)


@pytest.fixture
def environment() -> str:
    """An environment that no other test has used."""
    return f"fault-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def losses() -> Losses:
    """What the network loses."""
    return Losses()


@pytest.fixture
def store(losses: Losses) -> Iterator[GremlinGraphStore]:
    """A store over a network that loses what the test plans."""
    endpoint = Endpoint(url=gremlin_server.required().url)
    client = GremlinClient(endpoint, serializer=NeptuneGuard, connect=losses.connect)
    graph_store = GremlinGraphStore(client)
    yield graph_store
    graph_store.close()


def check_whole(store: GremlinGraphStore, environment: str, builds: int) -> None:
    """The current graph is that of the newest of so many builds, numbered without a gap."""
    snapshot = store.load(environment)
    assert snapshot is not None
    assert digest(snapshot.graph) == snapshot.build.digest
    assert [build.id for build in store.builds(environment, limit=builds + 1)] == list(range(builds, 0, -1))


@pytest.mark.soak
def test_a_commit_whose_reply_was_lost_is_not_repeated(
    store: GremlinGraphStore, losses: Losses, environment: str
) -> None:
    """The writer finds its build current and goes on; nothing is there twice, nothing is missing."""
    rounds = 50 if SOAK else 8
    for seed in range(rounds):
        losses.plan(COMMIT, 1, after_answer=True)
        target = random_graph(random.Random(seed), environment=environment)
        build = publish(store, target, environment=environment)
        assert losses.left == 0
        snapshot = store.load(environment)
        assert snapshot is not None
        assert (snapshot.build, snapshot.graph) == (build, target)
    assert losses.lost == rounds
    check_whole(store, environment, rounds)


@pytest.mark.parametrize("after_answer", [True, False])
@pytest.mark.parametrize("word", [b"mergeV", b"publishing", b"current", COMMIT, b"elementMap"])
def test_a_broken_connection_is_replaced(
    store: GremlinGraphStore, losses: Losses, environment: str, word: bytes, after_answer: bool
) -> None:
    """Whichever request is lost, before or after the server did it, the publish succeeds once."""
    publish(store, random_graph(random.Random(1), environment=environment), environment=environment)
    losses.plan(word, 2, after_answer=after_answer)
    target = random_graph(random.Random(2), environment=environment)
    build = publish(store, target, environment=environment)
    losses.plan(b"", 0, after_answer=True)
    snapshot = store.load(environment)
    assert snapshot is not None
    assert (snapshot.build, snapshot.graph) == (build, target)
    assert losses.lost >= 1
    check_whole(store, environment, 2)


def test_a_paused_holder_is_refused_at_the_write(store: GremlinGraphStore, environment: str) -> None:
    """A writer that slept past its lease is refused 20 times of 20, and changes nothing."""
    for turn in range(20):
        current = store.current(environment)
        sleeper = next_build(
            current, graph(nodes=["vpc/old"], environment=environment), environment=environment
        )
        awake = graph(nodes=[f"vpc/new{turn}"], environment=environment)
        publish(store, awake, token=2 * turn + 2, environment=environment)
        late = Delta(put_nodes=(component("vpc/old", environment=environment),))
        with pytest.raises(StaleLease):
            store.commit(sleeper, late, lease(2 * turn + 1))
        snapshot = store.load(environment)
        assert snapshot is not None
        assert [node.address for node in snapshot.graph.nodes] == [f"vpc/new{turn}"]


@pytest.mark.parametrize("boundary", ["graph.commit.after_lock", "graph.commit.before_commit"])
def test_an_interrupt_within_a_transaction_leaves_nothing(
    store: GremlinGraphStore, environment: str, boundary: str
) -> None:
    """Ctrl-C waits for no server; what was not committed is rolled back, and the next publish works."""
    build = publish(store, graph(nodes=["vpc/a"], environment=environment), environment=environment)

    def interrupt(name: str) -> None:
        if name == boundary:
            raise KeyboardInterrupt

    failpoints.install(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            publish(store, graph(nodes=["vpc/b"], environment=environment), environment=environment)
    finally:
        failpoints.install(None)
    assert store.current(environment) == build
    again = graph(nodes=["vpc/c"], environment=environment)
    publish(store, again, environment=environment)
    snapshot = store.load(environment)
    assert snapshot is not None
    assert snapshot.graph == again
    check_whole(store, environment, 2)


class Unfit(GremlinClient):
    """A client whose server takes no transaction of more than one request to its end."""

    error: StoreUnavailable
    begun = 0

    @contextmanager
    def transaction(self, until: Deadline | None = None) -> Iterator[Submit]:
        """Rolled back at its end, by the server's error."""
        self.begun += 1
        with super().transaction(until) as submit:
            yield submit
            raise self.error


@pytest.mark.parametrize(
    ("answer", "late_seconds"),
    [
        ("MemoryLimitExceededException: out of memory", 60.0),
        ("ConcurrentModificationException: late", 0.0),
        ("InternalFailureException: failover", 0.0),
    ],
)
def test_what_does_not_fit_a_transaction_is_staged(
    environment: str, monkeypatch: pytest.MonkeyPatch, answer: str, late_seconds: float
) -> None:
    """A server without the memory, and one that refuses after a long time, get small writes instead.

    One transaction is begun; the graph arrives whole, and no stage is left.
    """
    monkeypatch.setattr(committing, "LATE_SECONDS", late_seconds)
    server = gremlin_server.required()
    client = Unfit(Endpoint(url=server.url), serializer=NeptuneGuard)
    said = GremlinServerError({"code": 500, "message": answer, "attributes": {}})
    error = retry.translated(server.url, said)
    assert isinstance(error, StoreUnavailable)
    client.error = error
    store = GremlinGraphStore(client)
    target = random_graph(random.Random(1), environment=environment)
    build = publish(store, target, environment=environment)
    snapshot = store.load(environment)
    assert snapshot is not None
    assert (snapshot.build, snapshot.graph, client.begun) == (build, target, 1)
    staged = queries.source().V().has("Staged", "environment", environment).count()
    assert server.run(staged) == [0]
    store.close()


def test_an_early_conflict_is_tried_again_as_a_transaction(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer was faster: the same transaction goes through a moment later, and nothing is staged."""
    client = Unfit(Endpoint(url=gremlin_server.required().url), serializer=NeptuneGuard)
    said = {"code": 500, "message": "ConcurrentModificationException", "attributes": {}}
    error = retry.translated(client.endpoint.url, GremlinServerError(said))
    store = GremlinGraphStore(client, patience=Patience(whole=1))
    monkeypatch.setattr(client, "error", error, raising=False)
    with pytest.raises(StoreUnavailable):
        publish(store, graph(nodes=["vpc/a"], environment=environment), environment=environment)
    assert client.begun > 1
    assert store.current(environment) is None
    store.close()


@pytest.fixture
def overtaken(environment: str) -> Iterator[Callable[[str], GraphData]]:
    """Lets another builder publish with a newer lease at a failpoint, and gives its graph."""
    other = GremlinGraphStore(GremlinClient(Endpoint(url=gremlin_server.required().url)))
    newer = graph([("rds/new", "vpc/b")], nodes=["vpc/new"], environment=environment)

    def at(wanted: str) -> GraphData:
        def overtake(name: str) -> None:
            if name == wanted:
                failpoints.install(None)
                publish(other, newer, token=3, environment=environment)

        failpoints.install(overtake)
        return newer

    yield at
    failpoints.install(None)
    other.close()


@pytest.mark.parametrize(
    ("boundary", "items", "refused"),
    [
        ("graph.commit.marked", TRANSACTION_ITEMS, True),
        ("graph.commit.marked", 0, True),
        ("graph.commit.staged_part", 0, True),
        ("graph.commit.after_flip", 0, False),
        ("graph.commit.redo_batch", 0, False),
    ],
)
def test_a_holder_paused_within_a_publish_writes_no_more(
    environment: str,
    overtaken: Callable[[str], GraphData],
    boundary: str,
    items: int,
    refused: bool,
) -> None:
    """Every write checks the fence. What was current already stays a build; the rest leaves no trace."""
    store = GremlinGraphStore(
        GremlinClient(Endpoint(url=gremlin_server.shared().url)), transaction_items=items
    )
    publish(store, graph(nodes=["vpc/a"], environment=environment), token=1, environment=environment)
    old = graph([("rds/old", "vpc/a")], nodes=["vpc/b"], environment=environment)
    newer = overtaken(boundary)
    if refused:
        with pytest.raises(StaleLease):
            publish(store, old, token=2, environment=environment)
    else:
        publish(store, old, token=2, environment=environment)
    snapshot = store.load(environment)
    assert snapshot is not None
    assert snapshot.graph == newer
    check_whole(store, environment, 2 if refused else 3)
    staged = queries.source().V().has("Staged", "environment", environment).count()
    assert gremlin_server.shared().run(staged) == [0]
    store.close()


@pytest.mark.soak
def test_eight_builders_make_one_order(environment: str) -> None:
    """Builders that race with leases of their own: each build stands on the one before it."""
    url = gremlin_server.required().url
    rounds, builders = (50 if SOAK else 3), 8
    tokens = itertools.count(1)
    unexpected: list[BaseException] = []

    def work(number: int) -> None:
        mine = GremlinGraphStore(GremlinClient(Endpoint(url=url)))
        for turn in range(rounds):
            target = random_graph(random.Random(1000 * number + turn), environment=environment)
            while True:
                try:
                    publish(mine, target, token=next(tokens), environment=environment)
                except Conflict:
                    continue
                except BaseException as error:
                    unexpected.append(error)
                    raise
                break
        mine.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(builders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not unexpected, [getattr(error, "why", "") for error in unexpected]
    store = GremlinGraphStore(GremlinClient(Endpoint(url=url)))
    check_whole(store, environment, rounds * builders)
    builds = store.builds(environment, limit=rounds * builders)
    assert [build.base for build in builds] == [*range(len(builds) - 1, 0, -1), None]
    store.close()


def test_the_next_call_after_a_restart_succeeds() -> None:
    """A server that went away and came back under load is found again by the same client."""
    gremlin_server.required()
    server = gremlin_server.start()
    store = GremlinGraphStore(GremlinClient(Endpoint(url=server.url)))
    stop = threading.Event()
    reader = GremlinGraphStore(GremlinClient(Endpoint(url=server.url)))
    polled: list[object] = []

    def poll() -> None:
        while not stop.wait(0.01):
            polled.append(reader.load("prod"))

    thread = threading.Thread(target=poll)
    try:
        publish(store, random_graph(random.Random(1)))
        thread.start()
        server.stop()
        again = gremlin_server.start(server.port)
        try:
            assert store.current("prod") is None  # the server keeps its graph in memory
            build = publish(store, random_graph(random.Random(2)))
            assert store.current("prod") == build
        finally:
            stop.set()
            thread.join()
            again.stop()
    finally:
        server.stop()
        store.close()
        reader.close()
    assert polled


def test_an_endpoint_that_is_not_there_is_said_in_time() -> None:
    """After the deadline the error names the endpoint; it does not hang."""
    client = GremlinClient(Endpoint(url="ws://127.0.0.1:1/gremlin"))
    store = GremlinGraphStore(client, patience=Patience(seconds=0.3))
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/gremlin cannot be reached"):
        store.current("prod")
    store.close()


def test_a_small_change_takes_few_requests(store: GremlinGraphStore, environment: str) -> None:
    """Reading, marking, writing and unmarking ten changes takes at most 12 requests in all."""
    target = random_graph(random.Random(1), nodes=60, environment=environment)
    publish(store, target, environment=environment)
    changed = [component(node.address, environment=environment, version=9) for node in target.nodes[:10]]
    before = NeptuneGuard.sent.total()
    snapshot = store.load(environment)
    assert snapshot is not None
    newer = make_graph([*changed, *target.nodes[10:]], target.edges)
    store.commit(
        next_build(snapshot.build, newer, environment=environment), diff(snapshot.graph, newer), lease()
    )
    assert NeptuneGuard.sent.total() - before <= 12
    reread = store.load(environment)
    assert reread is not None
    assert reread.graph == newer


def test_a_publish_after_2038(environment: str) -> None:
    """Unix time does not fit 32 bits then; the driver sends plain numbers in so many, and failed."""
    client = GremlinClient(Endpoint(url=gremlin_server.shared().url), serializer=NeptuneGuard)
    store = GremlinGraphStore(client, now=lambda: 2_300_000_000.0)
    target = graph(nodes=["vpc/a"], environment=environment)
    publish(store, target, environment=environment)
    snapshot = store.load(environment)
    assert snapshot is not None
    assert snapshot.graph == target
    store.close()
