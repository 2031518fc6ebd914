"""The impact document."""

from __future__ import annotations

from karma_core.graph.graph import Graph
from karma_core.graph.impact import impact
from tests.unit.graph.environments import graph_data


def test_impact_names_the_cone_in_waves() -> None:
    """Downstream is everything reached, sorted; the component itself is the first wave."""
    graph = Graph(
        graph_data([("b/1", "a/1"), ("c/1", "a/1"), ("d/1", "b/1"), ("d/1", "c/1"), ("b/1", "z/1")])
    )
    assert impact(graph, "a/1") == {
        "component": "a/1",
        "downstream": ["b/1", "c/1", "d/1"],
        "waves": [["a/1"], ["b/1", "c/1"], ["d/1"]],
    }


def test_a_component_that_nobody_needs_reaches_nothing() -> None:
    """Its cone is itself."""
    graph = Graph(graph_data([("b/1", "a/1")]))
    assert impact(graph, "b/1") == {"component": "b/1", "downstream": [], "waves": [["b/1"]]}
