"""The graph as JSON: the form that `graph show`, queries and the API share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from karma_core.graph.delta import lineage
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import Component, Edge, GraphData, to_builtins


def node_document(node: Component) -> JsonObject:
    """One component; `id` is its address."""
    fields = to_builtins(node)
    return {"id": fields.pop("address"), **{k: v for k, v in fields.items() if k != "environment"}}


def edge_document(edge: Edge) -> JsonObject:
    """One edge; `source` depends on `target`. `keys` null: the whole runtime counts."""
    fields: JsonObject = to_builtins(edge)
    return fields


@dataclass(frozen=True)
class Forms:
    """How a component and an edge are rendered: as documents, or as cached JSON."""

    node: Callable[[Component], JsonValue] = node_document
    edge: Callable[[Edge], JsonValue] = edge_document


DOCUMENTS: Final = Forms()


def graph_document(data: GraphData, forms: Forms = DOCUMENTS) -> JsonObject:
    """`{"nodes", "edges"}`, sorted as the graph is."""
    return {
        "nodes": [forms.node(node) for node in data.nodes],
        "edges": [forms.edge(edge) for edge in data.edges],
    }


def lineage_document(data: GraphData, forms: Forms = DOCUMENTS) -> JsonObject:
    """`{"nodes", "edges"}` of components and the changes that wrote their configs, and of these themselves.

    A change differs from a component by its `label`. No dependencies are among the edges.
    """
    changes = [
        {"label": "Change", **{k: v for k, v in to_builtins(c).items() if k != "environment"}}
        for c in data.changes
    ]
    edges = [{"source": source, "target": target, "kind": kind} for source, target, kind in lineage(data)]
    return {
        "nodes": [*map(forms.node, data.nodes), *changes],
        "edges": sorted(edges, key=lambda edge: (edge["source"], edge["target"], edge["kind"])),
    }


def show_document(
    data: GraphData, *, environment: str, build_id: int | None, forms: Forms = DOCUMENTS
) -> JsonObject:
    """`{"environment", "build_id", "nodes", "edges"}`; `build_id` is None for a graph that is no build."""
    return {"environment": environment, "build_id": build_id, **graph_document(data, forms)}
