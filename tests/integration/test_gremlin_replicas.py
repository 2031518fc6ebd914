"""Replicas on the wire that lag, differ, hang or are gone: no reader sees an older graph as new."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from karma_adapters.gremlin import readers
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.readers import READER_SECONDS, ReadersFirst
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.errors import StoreUnavailable
from karma_core.model import Snapshot
from tests import faulty_gremlin as wire
from tests.faulty_gremlin import FaultyGremlin
from tests.graphs import graph, next_build
from tests.gremlin_replicas import serving
from tests.memory.graph import MemoryGraphStore

OLD_GRAPH = graph([("app/b", "vpc/a")])
NEW_GRAPH = graph([("app/b", "vpc/a"), ("app/c", "vpc/a")])
OLD = Snapshot(build=next_build(None, OLD_GRAPH), graph=OLD_GRAPH)
NEW = Snapshot(build=next_build(OLD.build, NEW_GRAPH), graph=NEW_GRAPH)


class Writer(MemoryGraphStore):
    """The writer, which has the new build, and counts how often its graph was read."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0

    def current(self, environment: str) -> object:  # type: ignore[override]
        """The new build."""
        return NEW.build

    def load(self, environment: str) -> Snapshot:
        """The new graph."""
        self.loads += 1
        return NEW


@dataclass
class System:
    """A writer, and the replicas' endpoint on the wire."""

    endpoint: FaultyGremlin
    writer: Writer
    store: ReadersFirst

    def outcomes(self) -> dict[str, int]:
        """What became of the reads since the test began."""
        return {name: number - self.before[name] for name, number in readers.so_far().items()}  # type: ignore[index]

    def __post_init__(self) -> None:
        self.before = readers.so_far()


@pytest.fixture
def system() -> Iterator[System]:
    """Replicas that a test gives their graphs."""
    endpoint, writer = FaultyGremlin(wire.well), Writer()
    patience = Patience(seconds=0.3)
    client = GremlinClient(Endpoint(url=endpoint.url, connect_seconds=0.15))
    store = ReadersFirst(writer, GremlinGraphStore(client, patience=patience, replicas=True))
    yield System(endpoint, writer, store)
    store.close()
    endpoint.close()


def test_a_replica_with_the_current_build_is_read(system: System) -> None:
    """The graph comes from the replica, byte for byte, and not from the writer."""
    system.endpoint.fault = serving(lambda _: NEW)
    assert system.store.load("prod") == NEW
    assert (system.writer.loads, system.outcomes()) == (0, {"read": 1, "behind": 0, "failed": 0})


@pytest.mark.parametrize("snapshot", [OLD, None], ids=["an older build", "none yet"])
def test_a_replica_that_lags_is_not_shown_as_new(system: System, snapshot: Snapshot | None) -> None:
    """The writer's graph is given, at once, and how far the replica is behind is said."""
    system.endpoint.fault = serving(lambda _: snapshot)
    assert system.store.load("prod") == NEW
    assert (system.writer.loads, system.outcomes()) == (1, {"read": 0, "behind": 1, "failed": 0})
    assert system.store.builds_behind("prod") == NEW.build.id - (snapshot.build.id if snapshot else 0)


def test_parts_of_replicas_of_different_age_are_no_graph(system: System) -> None:
    """The Lock comes from a replica that has the build, the rest from one that lags: the digest shows it.

    Without it the old edges under the new number were given for the new graph, as the Lock stood still.
    """
    mixed = Snapshot(build=NEW.build, graph=OLD.graph)
    system.endpoint.fault = serving(lambda _: mixed)
    assert system.store.load("prod") == NEW
    assert (system.writer.loads, system.outcomes()) == (1, {"read": 0, "behind": 1, "failed": 0})


@pytest.mark.parametrize("fault", [wire.half_open, wire.endless, wire.closes_at_request, wire.garbage])
def test_replicas_that_do_not_answer_hold_up_one_read(system: System, fault: wire.Fault) -> None:
    """The writer is asked within the replicas' time; the next reads do not ask them again for a while."""
    system.endpoint.fault = fault
    began = time.monotonic()
    assert system.store.load("prod") == NEW
    assert time.monotonic() - began < READER_SECONDS
    connections = system.endpoint.connected
    assert system.store.load("prod") == NEW
    assert system.endpoint.connected == connections
    assert system.outcomes() == {"read": 0, "behind": 0, "failed": 1}
    with pytest.raises(StoreUnavailable):
        system.store.builds_behind("prod")


def test_replicas_are_asked_again_after_a_rest(system: System) -> None:
    """An outage of the replicas ends by itself."""
    now = 0.0
    replicas = system.store._readers  # the same endpoint under another clock
    store = ReadersFirst(system.writer, replicas, clock=lambda: now)
    system.endpoint.fault = wire.closes_in_handshake
    assert store.load("prod") == NEW
    system.endpoint.fault = serving(lambda _: NEW)
    assert store.load("prod") == NEW
    assert system.outcomes()["read"] == 0
    now = readers.REST_SECONDS
    assert store.load("prod") == NEW
    assert system.outcomes()["read"] == 1
