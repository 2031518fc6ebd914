"""karma_core.graph.delta."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from karma_core.graph.delta import EMPTY, apply, diff, digest
from karma_core.model import Delta
from tests.graphs import component, graph, random_graph

seeds = st.integers(0, 10_000)


@given(seeds, seeds)
def test_applying_a_diff_gives_the_target(first: int, second: int) -> None:
    """Diff then apply is the new graph, byte for byte, whatever the two graphs are."""
    old, new = random_graph(random.Random(first)), random_graph(random.Random(second))
    delta = diff(old, new)
    assert apply(old, delta) == new
    assert digest(apply(old, delta)) == digest(new)
    assert delta.empty == (old == new)


@given(seeds)
def test_a_diff_is_sorted_and_minimal(seed: int) -> None:
    """Lists are in order, nothing unchanged is put, nothing put is dropped."""
    old, new = random_graph(random.Random(seed)), random_graph(random.Random(seed + 1))
    delta = diff(old, new)
    assert list(delta.drop_edges) == sorted(delta.drop_edges)
    assert [n.address for n in delta.put_nodes] == sorted(n.address for n in delta.put_nodes)
    assert [e.key for e in delta.put_edges] == sorted(e.key for e in delta.put_edges)
    assert not set(delta.put_nodes) & set(old.nodes)
    assert not set(delta.put_edges) & set(old.edges)
    assert not {n.address for n in delta.put_nodes} & set(delta.drop_nodes)
    assert not {e.key for e in delta.put_edges} & set(delta.drop_edges)


def test_a_first_build_adds_everything() -> None:
    """Against no graph, every component is added and nothing changed or removed."""
    target = graph([("rds/a", "vpc/core")])
    delta = diff(None, target)
    assert (delta.added, delta.changed, delta.removed) == (2, 0, 0)
    assert apply(None, delta) == target


def test_components_are_counted_once() -> None:
    """A component counts as changed if its record or its own dependencies changed, and only once."""
    old = graph([("rds/a", "vpc/core"), ("rds/b", "vpc/core"), ("rds/c", "vpc/core")])
    new = graph([("rds/a", "rds/b"), ("rds/b", "vpc/core")], nodes=["rds/d"])
    delta = diff(old, new)
    assert (delta.added, delta.changed, delta.removed) == (1, 1, 1)


def test_a_new_version_is_a_change() -> None:
    """A component whose record alone changed counts as changed."""
    old = graph([("rds/a", "vpc/core")])
    delta = diff(old, apply(old, Delta(put_nodes=(component("vpc/core", version=2),))))
    assert (delta.added, delta.changed, delta.removed) == (0, 1, 0)


def test_equal_graphs_have_equal_digests() -> None:
    """The digest depends on content alone, and on all of it."""
    one, same = graph([("rds/a", "vpc/core")]), graph([("rds/a", "vpc/core")])
    other = apply(one, Delta(put_nodes=(component("vpc/core", version=2),)))
    assert digest(one) == digest(same)
    assert len({digest(one), digest(other), digest(graph(nodes=["rds/a", "vpc/core"]))}) == 3


def test_a_graph_without_changes_keeps_its_digest() -> None:
    """Builds from before changes were part of graphs can still be restored: their digests are the same."""
    old = '{"nodes":[],"edges":[]}'
    assert digest(EMPTY) == "sha256:" + hashlib.sha256(old.encode()).hexdigest()
