"""Graphs from replicas that may lag, fail, or be ahead: never older than the writer's."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.gremlin.readers import ReadersFirst
from karma_adapters.wiring.kinds import at_endpoint
from karma_adapters.wiring.settings import Sections
from karma_adapters.wiring.stores import Stores
from karma_core import documents
from karma_core.errors import StoreUnavailable
from karma_core.model import Build, Snapshot
from karma_core.use_cases.graph.build import build_graph
from tests.memory.graph import MemoryGraphStore
from tests.memory_system import System


class Replica(MemoryGraphStore):
    """A replica that has what it was given, and counts how often it was read."""

    def __init__(self, snapshot: Snapshot | None = None, *, fails: bool = False) -> None:
        super().__init__()
        self.snapshot, self.fails, self.reads = snapshot, fails, 0

    def current(self, environment: str) -> Build | None:
        """The build that it has."""
        if self.fails:
            raise StoreUnavailable("the replica does not answer", next_step="wait", code="store-unavailable")
        return self.snapshot.build if self.snapshot else None

    def load(self, environment: str) -> Snapshot | None:
        """The graph that it has."""
        self.reads += 1
        if self.fails:
            raise StoreUnavailable("the replica does not answer", next_step="wait", code="store-unavailable")
        return self.snapshot


@pytest.fixture
def builds() -> tuple[MemoryGraphStore, list[Snapshot]]:
    """A writer, and the snapshots of its two builds."""
    system = System()
    writer, snapshots = system.graph, []
    for size in (1, 2):
        system.configure(a_one={"size": size})
        build_graph(system.workspace)
        snapshot = writer.load("test")
        assert snapshot is not None
        snapshots.append(snapshot)
    return writer, snapshots


def test_a_replica_that_is_far_enough_is_read(builds: tuple[MemoryGraphStore, list[Snapshot]]) -> None:
    """The writer is asked for the build alone."""
    writer, (_, newest) = builds
    replica = Replica(newest)
    assert ReadersFirst(writer, replica).load("test") == newest
    assert replica.reads == 1


def test_a_replica_that_lags_is_passed_over(builds: tuple[MemoryGraphStore, list[Snapshot]]) -> None:
    """An older build, none yet, or no answer: the graph is the writer's."""
    writer, (older, newest) = builds
    for replica in (Replica(older), Replica(None), Replica(fails=True)):
        assert ReadersFirst(writer, replica).load("test") == newest


def test_without_a_build_no_replica_is_asked() -> None:
    """Before the first build there is nothing to read."""
    replica = Replica(fails=True)
    assert ReadersFirst(MemoryGraphStore(), replica).load("test") is None
    assert replica.reads == 0


def test_the_settings_name_both_endpoints(tmp_path: Path) -> None:
    """With `gremlin_reader_url` the store reads there; without it there is the writer alone."""
    section = {"graph": "gremlin", "gremlin_url": "ws://127.0.0.1:1/gremlin"}

    def opened(**more: str) -> Stores:
        body = {"environments": {"dev": {**section, **more}}}
        return Stores(documents.read(Sections, body), "dev", tmp_path)

    stores = opened(gremlin_reader_url="ws://127.0.0.1:2/gremlin")
    twin = at_endpoint(stores, stores.section.gremlin_reader_url)
    assert isinstance(stores.graph, ReadersFirst)
    assert (stores.gremlin.endpoint.url, twin.gremlin.endpoint.url) == (
        "ws://127.0.0.1:1/gremlin",
        "ws://127.0.0.1:2/gremlin",
    )
    assert not isinstance(opened().graph, ReadersFirst)
    with pytest.raises(documents.Faults, match="gremlin_reader_url that begins with wss"):
        opened(gremlin_auth="sigv4", gremlin_url="wss://h:1/g", gremlin_reader_url="ws://h:2/g")
