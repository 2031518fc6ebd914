"""Where components stand in a picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from karma_core.graph.layout import COLUMN, MOST_ROWS, ROW, layered

NAMES = st.sampled_from([f"t/{letter}" for letter in "abcdefghij"])
EDGES = st.sets(st.tuples(NAMES, NAMES), max_size=25)


@given(EDGES)
def test_every_component_has_a_place_of_its_own(edges: set[tuple[str, str]]) -> None:
    """Nobody is left out, cycles or not, and no two stand in one place."""
    names = {name for pair in edges for name in pair} | {"t/alone"}
    layout = layered(names, edges)
    assert set(layout.places) == names
    taken = [*layout.places.values(), *{point for way in layout.waypoints.values() for point in way}]
    assert len(set(taken)) == len(taken)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_producers_stand_left_of_their_consumers(pairs: list[tuple[int, int]]) -> None:
    """Without cycles every edge leads from left to right, and so do the points that it passes."""
    edges = {(f"t/{max(pair)}", f"t/{min(pair)}") for pair in pairs if pair[0] != pair[1]}
    layout = layered({name for pair in edges for name in pair}, edges)
    for consumer, producer in edges:
        way = [
            layout.places[producer],
            *layout.waypoints.get((consumer, producer), []),
            layout.places[consumer],
        ]
        columns = [x for x, _ in way]
        assert columns == sorted(set(columns))


@given(EDGES)
def test_the_same_graph_gives_the_same_picture(edges: set[tuple[str, str]]) -> None:
    """The order in which components and edges are given does not matter."""
    names = sorted({name for pair in edges for name in pair})
    assert layered(names, sorted(edges)) == layered(names[::-1], sorted(edges, reverse=True))


def test_an_edge_past_a_layer_keeps_clear_of_what_stands_there() -> None:
    """The lane of a long edge lies in the layer's column, a row away from each component of it."""
    layout = layered(["t/a", "t/b", "t/c"], [("t/b", "t/a"), ("t/c", "t/b"), ("t/c", "t/a")])
    (lane,) = layout.waypoints["t/c", "t/a"]
    assert lane[0] == layout.places["t/b"][0] == COLUMN
    assert abs(lane[1] - layout.places["t/b"][1]) >= ROW


def test_a_wide_layer_goes_on_in_a_further_column() -> None:
    """No column is longer than can be read."""
    consumers = [f"t/c{number}" for number in range(3 * MOST_ROWS)]
    layout = layered(["t/a", *consumers], [(consumer, "t/a") for consumer in consumers])
    columns: dict[float, int] = {}
    for x, _ in layout.places.values():
        columns[x] = columns.get(x, 0) + 1
    assert columns == {0.0: 1, COLUMN: MOST_ROWS, 2 * COLUMN: MOST_ROWS, 3 * COLUMN: MOST_ROWS}


def test_what_has_no_edge_stands_below() -> None:
    """Components that depend on nothing do not stretch the first layer."""
    layout = layered(["t/a", "t/b", "t/x", "t/y"], [("t/b", "t/a")])
    assert min(layout.places[name][1] for name in ("t/x", "t/y")) > layout.places["t/a"][1]
