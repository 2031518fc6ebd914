"""Named queries: which nodes and edges each returns, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import NotFound, UsageError
from karma_core.graph.query import QUERIES, run_query
from karma_core.model import GraphData, Status
from tests.unit.graph.environments import component, graph_data

DATA = graph_data([("app/a", "vpc/a"), ("site/a", "app/a"), ("site/a", "zone/a"), ("app/b", "vpc/a")])


def answer(name: str, **parameters: str) -> tuple[list[str], list[tuple[str, str]]]:
    """(ids, (source, target) of edges) of a query on DATA."""
    subgraph = run_query(DATA, name, parameters)
    return [node["id"] for node in subgraph["nodes"]], [(e["source"], e["target"]) for e in subgraph["edges"]]


@pytest.mark.parametrize(
    ("name", "parameters", "nodes", "edges"),
    [
        (
            "downstream",
            {"component": "vpc/a"},
            ["app/a", "app/b", "site/a", "vpc/a"],
            [("app/a", "vpc/a"), ("app/b", "vpc/a"), ("site/a", "app/a")],
        ),
        (
            "upstream",
            {"component": "site/a"},
            ["app/a", "site/a", "vpc/a", "zone/a"],
            [("app/a", "vpc/a"), ("site/a", "app/a"), ("site/a", "zone/a")],
        ),
        ("consumers", {"component": "app/a"}, ["app/a", "site/a"], [("site/a", "app/a")]),
        ("dependencies", {"component": "app/a"}, ["app/a", "vpc/a"], [("app/a", "vpc/a")]),
        (
            "path",
            {"source": "site/a", "target": "vpc/a"},
            ["app/a", "site/a", "vpc/a"],
            [("app/a", "vpc/a"), ("site/a", "app/a")],
        ),
        ("path", {"source": "vpc/a", "target": "site/a"}, [], []),
        ("type", {"type": "app"}, ["app/a", "app/b"], []),
    ],
)
def test_a_query_returns_its_part_of_the_graph(
    name: str, parameters: dict[str, str], nodes: list[str], edges: list[tuple[str, str]]
) -> None:
    """Nodes and edges are sorted, and both ends of every edge are among the nodes."""
    assert answer(name, **parameters) == (nodes, edges)


def test_direct_neighbours_come_without_the_edges_between_them() -> None:
    """`dependencies` and `consumers` answer about one component."""
    data = graph_data([("a/1", "b/1"), ("a/1", "c/1"), ("b/1", "c/1")])
    subgraph = run_query(data, "dependencies", {"component": "a/1"})
    assert [(e["source"], e["target"]) for e in subgraph["edges"]] == [("a/1", "b/1"), ("a/1", "c/1")]


def test_dependencies_of_everything_is_the_whole_graph() -> None:
    """Without a component, the query is not narrowed."""
    nodes, edges = answer("dependencies")
    assert (len(nodes), len(edges)) == (5, 4)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("absent", Status.ABSENT),
        ("drift", Status.DRIFTED),
        ("external", Status.EXTERNAL),
        ("failed", Status.FAILED),
        ("invalid", Status.INVALID),
        ("orphans", Status.ORPHAN),
        ("removed", Status.REMOVED),
        ("stale", Status.STALE),
    ],
)
def test_queries_by_status_return_that_status_only(name: str, status: Status) -> None:
    """Each status has a name to ask for."""
    data = GraphData(nodes=tuple(component(f"t/{one}", one) for one in sorted(Status)))
    assert [node["id"] for node in run_query(data, name, {})["nodes"]] == [f"t/{status}"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("nonsense", {}),
        ("downstream", {}),
        ("downstream", {"component": ""}),
        ("downstream", {"component": "vpc/a", "depth": "2"}),
        ("path", {"source": "vpc/a"}),
        ("consumers", {"component": ["vpc/a"]}),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(name: str, parameters: dict[str, Any]) -> None:
    """The error says what there is or what it takes."""
    with pytest.raises(UsageError) as caught:
        run_query(DATA, name, parameters)
    assert caught.value.next_step


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if "component" in query.needs])
def test_an_unknown_component_is_not_found(name: str) -> None:
    """An empty answer would say that it exists and has no neighbours."""
    with pytest.raises(NotFound):
        run_query(DATA, name, {"component": "vpc/none"})
