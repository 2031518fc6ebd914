"""karma_core.use_cases.graph.copy_graph."""

from __future__ import annotations

import random

import msgspec
import pytest

from karma_core.errors import NotFound, Refused, StaleLease
from karma_core.graph.delta import diff
from karma_core.use_cases.graph.copy_graph import copy_graph
from tests.graphs import graph, lease, next_build, publish, random_graph
from tests.memory.graph import MemoryGraphStore


def test_an_empty_store_gets_the_graph_and_its_number() -> None:
    """Graph, build number, digest and findings arrive; the next build goes on from there."""
    source, target = MemoryGraphStore(), MemoryGraphStore()
    for seed in range(3):
        publish(source, random_graph(random.Random(seed)))
    build = copy_graph(source, target, "prod", lease())
    copied, expected = target.load("prod"), source.load("prod")
    assert copied is not None
    assert expected is not None
    assert copied.graph == expected.graph
    assert (build.id, build.digest, build.base) == (3, expected.build.digest, None)
    assert publish(target, graph(nodes=["vpc/a"])).id == 4


def test_a_newer_build_is_not_copied_over() -> None:
    """By number or by time: a store that was made anew counts from 1, and is the newer one all the same.

    Nothing is written.
    """
    source, target = MemoryGraphStore(), MemoryGraphStore()
    publish(source, graph([("rds/a", "vpc/core")]))
    newer = publish(target, graph(nodes=["vpc/x"]))
    with pytest.raises(Refused) as refused:
        copy_graph(source, target, "prod", lease())
    assert refused.value.code == "graph-newer"
    assert "--force" in refused.value.next_step
    for name in ("y", "z"):
        publish(source, graph(nodes=[f"vpc/{name}"]))
    assert copy_graph(source, target, "prod", lease()).id == 3
    remade, young = MemoryGraphStore(), graph(nodes=["vpc/young"])
    later = msgspec.structs.replace(next_build(None, young), created_at="2999-01-01T00:00:00Z")
    remade.commit(later, diff(None, young), lease())
    with pytest.raises(Refused):
        copy_graph(target, remade, "prod", lease())
    assert (remade.current("prod"), newer.id) == (later, 1)


def test_a_lower_number_of_the_same_graph_is_raised() -> None:
    """The next build has a number above all that the source gave."""
    source, target = MemoryGraphStore(), MemoryGraphStore()
    publish(target, graph(nodes=["vpc/a"]))
    for name in ("x", "y", "a"):
        publish(source, graph(nodes=[f"vpc/{name}"]))
    assert copy_graph(source, target, "prod", lease()).id == 3
    assert publish(target, graph(nodes=["vpc/b"])).id == 4


def test_by_force_a_store_with_later_builds_goes_on() -> None:
    """The copy becomes the target's next build; what only the target had is gone."""
    source, target = MemoryGraphStore(), MemoryGraphStore()
    publish(source, graph([("rds/a", "vpc/core")]))
    for name in ("x", "y"):
        publish(target, graph(nodes=[f"vpc/{name}"]))
    assert copy_graph(source, target, "prod", lease(), force=True).id == 3
    copied = target.load("prod")
    assert copied is not None
    assert copied.graph == graph([("rds/a", "vpc/core")])


def test_a_store_that_has_the_graph_is_not_written() -> None:
    """Copying twice is one publish."""
    source, target = MemoryGraphStore(), MemoryGraphStore()
    publish(source, graph(nodes=["vpc/a"]))
    first = copy_graph(source, target, "prod", lease())
    assert copy_graph(source, target, "prod", lease()) == first
    assert len(target.builds("prod")) == 1


def test_nothing_to_copy_is_said() -> None:
    """A source without a build is not copied over a target that has one."""
    target = MemoryGraphStore()
    publish(target, graph(nodes=["vpc/a"]))
    with pytest.raises(NotFound):
        copy_graph(MemoryGraphStore(), target, "prod", lease())


def test_an_old_lease_copies_nothing() -> None:
    """Copying is a publish like any other."""
    source, target = MemoryGraphStore(), MemoryGraphStore()
    publish(source, graph(nodes=["vpc/a"]))
    publish(target, graph(nodes=["vpc/b"]), token=5)
    with pytest.raises(StaleLease):
        copy_graph(source, target, "prod", lease(4), force=True)
