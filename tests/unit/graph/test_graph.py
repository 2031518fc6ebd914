"""Orders, cones, waves, heights, paths and cycles of the graph's structure."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import NotFound, ValidationFailed
from karma_core.graph import graph as graph_module
from karma_core.graph.graph import Graph
from karma_core.model import Edge, GraphData, Kind
from tests.unit.graph.environments import component, graph_data

MANY = 100_000
NAMES = [f"t/n{number}" for number in range(12)]


@st.composite
def acyclic_graphs(draw: st.DrawFn) -> GraphData:
    """Graphs whose names say nothing about their order."""
    order = draw(st.permutations(NAMES))
    every = list(itertools.combinations(order, 2))
    return graph_data(draw(st.sets(st.sampled_from(every), max_size=30)), NAMES)


any_graph = st.sets(st.tuples(st.sampled_from(NAMES[:7]), st.sampled_from(NAMES[:7])), max_size=16).map(
    lambda pairs: graph_data(pairs, NAMES[:7])
)
subsets = st.sets(st.sampled_from(NAMES))


def ring(length: int) -> GraphData:
    """A cycle of this many components."""
    names = [f"t/{number:06}" for number in range(length)]
    return graph_data(zip(names, names[1:] + names[:1], strict=True))


@given(acyclic_graphs())
def test_every_order_respects_every_edge(data: GraphData) -> None:
    """Producers come before their consumers, each component once."""
    place = {address: index for index, address in enumerate(Graph(data).order())}
    assert sorted(place) == sorted(NAMES)
    assert all(place[edge.target] < place[edge.source] for edge in data.edges)


@given(acyclic_graphs())
def test_the_order_is_the_lexicographic_one(data: GraphData) -> None:
    """Wherever there is a choice, the smallest address goes first."""
    oracle = nx.DiGraph((edge.target, edge.source) for edge in data.edges)
    oracle.add_nodes_from(NAMES)
    assert Graph(data).order() == list(nx.lexicographical_topological_sort(oracle))


@given(acyclic_graphs())
def test_ancestors_mirror_descendants(data: GraphData) -> None:
    """A lies upstream of B exactly if B lies in the cone of A."""
    graph = Graph(data)
    for one, other in itertools.product(NAMES, NAMES):
        assert (one in graph.upstream(other)) == (other in graph.cone(one))


@given(acyclic_graphs(), st.sampled_from(NAMES))
def test_waves_partition_the_cone(data: GraphData, start: str) -> None:
    """Every component of a cone is in exactly one wave, after the waves of all its producers there."""
    graph = Graph(data)
    waves = graph.cone_waves(start)
    assert waves[0] == [start]
    assert sorted(itertools.chain(*waves)) == sorted(graph.cone(start))
    wave_of = {address: number for number, wave in enumerate(waves) for address in wave}
    for edge in data.edges:
        if edge.source in wave_of and edge.target in wave_of:
            assert wave_of[edge.target] < wave_of[edge.source]
    assert waves == graph.waves(graph.cone(start))


@given(acyclic_graphs(), subsets)
def test_a_subset_keeps_the_order_of_the_whole(data: GraphData, subset: set[str]) -> None:
    """Members are ordered even where the path between them leaves the subset."""
    graph = Graph(data)
    place = {address: index for index, address in enumerate(graph.order(subset))}
    waves = graph.waves(subset)
    wave_of = {address: number for number, wave in enumerate(waves) for address in wave}
    assert set(place) == set(wave_of) == subset
    for one, other in itertools.permutations(subset, 2):
        if one in graph.upstream(other):
            assert place[one] < place[other]
            assert wave_of[one] < wave_of[other]


@given(acyclic_graphs(), subsets)
def test_heights_are_the_longest_way_to_the_last_consumer(data: GraphData, subset: set[str]) -> None:
    """A component's height is one more than that of its highest consumer, counting members only."""
    graph = Graph(data)
    heights = graph.heights(subset)
    assert set(heights) == subset
    for address in subset:
        above = [heights[reached] for reached in graph.cone(address) & subset - {address}]
        assert heights[address] == 1 + max(above, default=0)


@given(acyclic_graphs(), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_path_follows_edges_from_consumer_to_producer(data: GraphData, source: str, target: str) -> None:
    """A path exists exactly if the target lies upstream, and each step of it is an edge."""
    graph = Graph(data)
    path = graph.path(source, target)
    assert bool(path) == (target in graph.upstream(source))
    assert all(producer in graph.producers(consumer) for consumer, producer in itertools.pairwise(path))


@given(any_graph)
def test_cycles_cover_exactly_the_edges_that_lie_in_one(data: GraphData) -> None:
    """Every edge inside a knot is in a listed cycle, every listed step is an edge, no cycle is doubled."""
    graph = Graph(data)
    oracle = nx.DiGraph((edge.source, edge.target) for edge in data.edges)
    tied = {
        address: index
        for index, members in enumerate(nx.strongly_connected_components(oracle))
        for address in members
    }
    inside = {(e.source, e.target) for e in data.edges if tied[e.source] == tied[e.target]}
    cycles = graph.cycles()
    steps = [set(zip(cycle, cycle[1:] + cycle[:1], strict=True)) for cycle in cycles]
    assert set().union(*steps) == inside
    assert len(set(cycles)) == len(cycles)
    assert all(cycle[0] == min(cycle) and len(set(cycle)) == len(cycle) for cycle in cycles)
    assert graph.acyclic() == (not inside)


@pytest.mark.parametrize("length", [1, 2, MANY])
def test_a_ring_of_any_length_is_one_cycle(length: int) -> None:
    """Cycles are found whole, however long, without recursion."""
    graph = Graph(ring(length))
    (knot,) = graph.knots()
    (cycle,) = knot.cycles
    assert knot.complete
    assert len(cycle) == length
    assert cycle[0] == "t/000000"


def test_the_list_of_cycles_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a knot has more cycles than are listed, it is not called complete."""
    monkeypatch.setattr(graph_module, "MAX_CYCLES", 3)
    (knot,) = Graph(graph_data(itertools.permutations(NAMES, 2))).knots()
    assert (len(knot.members), len(knot.cycles), knot.complete) == (len(NAMES), 3, False)


def test_a_cycle_has_no_order() -> None:
    """What has a cycle is refused by name of the fault; what lies beside it is ordered."""
    graph = Graph(graph_data([("t/a", "t/b"), ("t/b", "t/a"), ("t/d", "t/c")]))
    for refused in (graph.order, graph.waves, graph.heights, lambda: graph.cone_waves("t/a")):
        with pytest.raises(ValidationFailed) as caught:
            refused()
        assert caught.value.code == "cycle"
    assert graph.order(["t/d", "t/c"]) == ["t/c", "t/d"]


def test_a_chain_of_any_depth_is_walked() -> None:
    """100,000 components one behind the other need no recursion."""
    names = [f"t/{number:06}" for number in range(MANY)]
    graph = Graph(graph_data(itertools.pairwise(names)))
    assert graph.order() == names[::-1]
    assert len(graph.cone_waves(names[-1])) == MANY
    assert graph.heights()[names[-1]] == MANY
    assert graph.path(names[0], names[-1]) == names


def test_a_fan_of_any_width_is_one_wave() -> None:
    """100,000 consumers of one producer run in one wave after it."""
    graph = Graph(graph_data((f"t/{number:06}", "t/hub") for number in range(MANY)))
    assert [len(wave) for wave in graph.cone_waves("t/hub")] == [1, MANY]


def test_an_emitted_runtime_stands_behind_its_writer() -> None:
    """What writes a component's runtime is its producer: changes pass through it."""
    emits = Edge(source="t/maker", target="t/made", kind=Kind.EMITS)
    uses = Edge(source="t/user", target="t/made")
    nodes = tuple(map(component, ["t/made", "t/maker", "t/user"]))
    graph = Graph(GraphData(nodes=nodes, edges=(emits, uses)))
    assert graph.cone_waves("t/maker") == [["t/maker"], ["t/made"], ["t/user"]]
    assert graph.producers("t/made") == ("t/maker",)


def test_consumes_edges_count_once() -> None:
    """A pair with a dependency and a consumed runtime is one step."""
    nodes = tuple(map(component, ["t/a", "t/b"]))
    edges = (Edge(source="t/a", target="t/b", kind=Kind.CONSUMES), Edge(source="t/a", target="t/b"))
    graph = Graph(GraphData(nodes=nodes, edges=edges))
    assert graph.producers("t/a") == ("t/b",)
    assert graph.consumers("t/b") == ("t/a",)


@pytest.mark.parametrize("ask", ["producers", "consumers", "cone", "upstream", "cone_waves"])
def test_an_unknown_address_is_not_found(ask: str) -> None:
    """Asking for what is not there is an error with a next step, not an empty answer."""
    with pytest.raises(NotFound):
        getattr(Graph(graph_data([("t/a", "t/b")])), ask)("t/z")
