"""karma_core.graph.history."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from karma_core.errors import NotFound, StoreError, UsageError
from karma_core.graph.delta import EMPTY, diff
from karma_core.graph.history import MAX_CHAIN, at, restore, write_snapshot
from tests.graphs import Artifacts, graph, lease, next_build, publish, publish_with_history, random_graph
from tests.memory.graph import MemoryGraphStore


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """An artifact store in a directory."""
    return Artifacts(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_every_build_can_be_restored(seed: int, artifacts: Artifacts) -> None:
    """Whatever was published, each build gives its own graph, through deltas and whole graphs."""
    store = MemoryGraphStore()
    source = random.Random(seed)
    published = []
    target = random_graph(source, nodes=30)
    for _ in range(8):
        published.append((publish_with_history(store, artifacts, target), target))
        if source.random() < 0.3:
            target = random_graph(source, nodes=30)
        else:
            nodes = [n for n in target.nodes if source.random() < 0.95]
            known = {n.address for n in nodes}
            edges = [e for e in target.edges if e.source in known and e.target in known]
            target = msgspec.structs.replace(target, nodes=tuple(nodes), edges=tuple(edges))
    for build, expected in published:
        assert restore(artifacts, store, "prod", build.id) == expected


def test_a_small_change_is_kept_as_a_delta(artifacts: Artifacts) -> None:
    """A whole graph first, then deltas, and a whole graph again after MAX_CHAIN of them."""
    store = MemoryGraphStore()
    names = [f"vpc/n{number:03d}" for number in range(200)]
    for size in range(100, 100 + MAX_CHAIN + 3):
        publish_with_history(store, artifacts, graph(nodes=names[:size]))
    kinds = [build.snapshot.rpartition(".")[2] for build in reversed(store.builds("prod"))]
    assert kinds == ["graph", *["delta"] * MAX_CHAIN, "graph", "delta"]


def test_heavy_deltas_are_not_chained(artifacts: Artifacts) -> None:
    """Deltas that together hold more records than the graph are replaced by the graph."""
    store = MemoryGraphStore()
    for turn in range(4):
        names = [f"vpc/t{turn % 2}-{number}" for number in range(10)]
        publish_with_history(store, artifacts, graph(nodes=names))
    assert {build.snapshot.rpartition(".")[2] for build in store.builds("prod")} == {"graph"}


def test_a_number_left_by_a_killed_publish_is_used_again(artifacts: Artifacts) -> None:
    """An artifact of a build that never became current is in nobody's way."""
    store = MemoryGraphStore()
    lost = graph(nodes=["vpc/lost"])
    write_snapshot(artifacts, next_build(None, lost), lost, diff(None, lost), None)
    publish_with_history(store, artifacts, graph(nodes=["vpc/kept"]))
    assert restore(artifacts, store, "prod", 1) == graph(nodes=["vpc/kept"])


def test_a_lost_base_makes_a_whole_graph(artifacts: Artifacts) -> None:
    """A delta is written only onto an artifact that is there."""
    store = MemoryGraphStore()
    first = publish_with_history(store, artifacts, graph(nodes=["vpc/a", "vpc/b", "vpc/c"]))
    (artifacts.root / first.snapshot).unlink()
    publish_with_history(store, artifacts, graph(nodes=["vpc/a", "vpc/b"]))
    assert restore(artifacts, store, "prod", 2) == graph(nodes=["vpc/a", "vpc/b"])
    with pytest.raises(StoreError, match="missing"):
        restore(artifacts, store, "prod", 1)


@pytest.mark.parametrize("place", [0, 60, -1])
def test_a_damaged_snapshot_is_refused(artifacts: Artifacts, place: int) -> None:
    """A flipped byte anywhere gives an error, never another graph."""
    store = MemoryGraphStore()
    build = publish_with_history(store, artifacts, graph([("rds/a", "vpc/core")]))
    path = artifacts.root / build.snapshot
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError) as refused:
        restore(artifacts, store, "prod", 1)
    assert refused.value.code == "snapshot"


def test_the_snapshot_of_another_graph_is_refused(artifacts: Artifacts) -> None:
    """A whole artifact that is not this build's is found by the build's digest."""
    store = MemoryGraphStore()
    other = publish_with_history(store, artifacts, graph(nodes=["vpc/a"]))
    target = graph(nodes=["vpc/b"])
    store.commit(next_build(other, target, snapshot=other.snapshot), diff(None, target), lease())
    with pytest.raises(StoreError, match="does not give"):
        restore(artifacts, store, "prod", 2)


def test_builds_without_a_snapshot_are_said(artifacts: Artifacts) -> None:
    """NotFound for a build that does not exist and for one that kept no snapshot."""
    store = MemoryGraphStore()
    publish(store, EMPTY)
    for build_id in (1, 2):
        with pytest.raises(NotFound):
            restore(artifacts, store, "prod", build_id)


def test_a_build_is_found_by_number_or_time() -> None:
    """A time means the build that was current then; a date its midnight; no zone means UTC."""
    store = MemoryGraphStore()
    times = ["2026-01-01T00:00:00.000000Z", "2026-01-02T12:00:00.000000Z"]
    for number, created_at in enumerate(times, 1):
        target = graph(nodes=[f"vpc/n{number}"])
        build = next_build(store.current("prod"), target)
        build = msgspec.structs.replace(build, created_at=created_at)
        store.commit(build, diff(None, target), lease())
    asked = {
        "1": 1,
        "2": 2,
        "2026-01-01": 1,
        "2026-01-02": 1,
        "2026-01-03": 2,
        "2026-01-02T12:00:00Z": 2,
        "2026-01-02T11:59:59": 1,
        "2026-01-02T12:30:00+01:00": 1,
    }
    assert {when: at(store, "prod", when).id for when in asked} == asked


@pytest.mark.parametrize("when", ["0", "3", "9" * 5000, "2025-12-31", "2025-12-31T23:59:59.999999Z"])
def test_no_build_there_is_not_found(when: str) -> None:
    """A number that no build has, and a time before the first build."""
    store = MemoryGraphStore()
    build = msgspec.structs.replace(next_build(None, EMPTY), created_at="2026-01-01T00:00:00.000000Z")
    store.commit(build, diff(None, EMPTY), lease())
    with pytest.raises(NotFound):
        at(store, "prod", when)


@pytest.mark.parametrize("when", ["", "yesterday", "-1", "1.5", "²", "2026-13-01"])
def test_what_is_neither_is_a_usage_error(when: str) -> None:
    """Neither a number nor a time: the call is wrong."""
    with pytest.raises(UsageError):
        at(MemoryGraphStore(), "prod", when)
