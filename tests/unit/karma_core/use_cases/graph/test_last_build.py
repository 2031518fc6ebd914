"""A stored graph that is not the one that was built last is noticed by whoever shows it."""

from __future__ import annotations

import copy

import pytest
from msgspec.structs import replace

from karma_core.errors import BadInput, Refused
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.history import snapshot
from tests.memory.graph import MemoryGraphStore
from tests.memory_system import System


def built(size: int) -> System:
    """An environment whose graph has been built twice."""
    system = System()
    for number in (0, size):
        system.configure(a_one={"size": number})
        build_graph(system.workspace)
    return system


def held(system: System) -> MemoryGraphStore:
    """A copy of its graph store."""
    kept = MemoryGraphStore()
    kept._environments = {name: copy.copy(one) for name, one in system.graph._environments.items()}
    for one in kept._environments.values():
        one.builds = list(one.builds)
    return kept


@pytest.mark.parametrize("what", ["older", "empty", "of elsewhere", "of elsewhere, further on"])
def test_a_graph_that_was_replaced_is_not_shown(what: str) -> None:
    """It is `graph-older` until it is built again, which the next build does."""
    system = built(1)
    older = held(system)
    system.configure(a_one={"size": 2})
    build_graph(system.workspace)
    other = built(7)
    if what.endswith("further on"):
        for size in (8, 9):
            other.configure(a_one={"size": size})
            build_graph(other.workspace)
    system.graph = {"older": older, "empty": MemoryGraphStore()}.get(what, other.graph)
    with pytest.raises(Refused) as caught:
        snapshot(system.workspace, None)
    assert caught.value.code == "graph-older"
    build_graph(system.workspace, anew=True)
    shown = snapshot(system.workspace, None)
    assert [node.config_version for node in shown.graph.nodes] == [3]


def test_a_graph_with_another_content_than_its_build_is_damaged() -> None:
    """`graph-damaged`, until it is built anew; a build that finds nothing moved leaves it."""
    system = built(1)
    [stored] = system.graph._environments.values()
    node = replace(stored.graph.nodes[0], config_version=77)
    stored.graph = replace(stored.graph, nodes=(node,))
    assert build_graph(system.workspace).status == "unchanged"
    with pytest.raises(BadInput) as caught:
        snapshot(system.workspace, None)
    assert caught.value.code == "graph-damaged"
    assert build_graph(system.workspace, anew=True).status == "published"
    assert snapshot(system.workspace, None).graph.nodes[0].config_version == 2


def test_a_graph_that_is_further_on_than_noted_is_sound() -> None:
    """A builder that died behind its commit has noted nothing."""
    system = built(1)
    noted = system.state.document("heights", "graph")
    assert noted is not None
    system.configure(a_one={"size": 2})
    build_graph(system.workspace)
    system.state.put_document("heights", "graph", noted.body)
    assert snapshot(system.workspace, None).build.id == 3
