"""The difference between two graphs, applying it, and the digest that tells graphs apart.

All three take and give plain sorted `GraphData`; each costs O(V+E).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from karma_core.model import Component, Delta, Edge, GraphData

EdgeKey = tuple[str, str, str]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")

EMPTY = GraphData()
_encode = msgspec.json.Encoder().encode


def address_of(node: Component) -> str:
    """Identity of a node within one graph."""
    return node.address


def key_of(edge: Edge) -> EdgeKey:
    """Identity of an edge within one graph, as plain strings."""
    return (edge.source, edge.target, edge.kind.value)


def make_graph(nodes: Iterable[Component], edges: Iterable[Edge]) -> GraphData:
    """A graph with its nodes and edges in their order."""
    return GraphData(nodes=tuple(sorted(nodes, key=address_of)), edges=tuple(sorted(edges, key=key_of)))


def diff(old: GraphData | None, new: GraphData) -> Delta:
    """What turns old (None: nothing) into new, everything sorted.

    `added`, `changed` and `removed` count components. One whose own dependencies changed is changed.
    """
    old = old or EMPTY
    put_nodes, drop_nodes = _changes(old.nodes, new.nodes, address_of)
    put_edges, drop_edges = _changes(old.edges, new.edges, key_of)
    known = {node.address for node in old.nodes}
    touched = {node.address for node in put_nodes}
    touched.update(edge.source for edge in put_edges)
    touched.update(source for source, _, _ in drop_edges)
    return Delta(
        put_nodes=tuple(put_nodes),
        put_edges=tuple(put_edges),
        drop_nodes=tuple(drop_nodes),
        drop_edges=tuple(drop_edges),
        added=sum(node.address not in known for node in put_nodes),
        changed=len((touched & known).difference(drop_nodes)),
        removed=len(drop_nodes),
    )


def _changes(
    old: tuple[_Item, ...], new: tuple[_Item, ...], key: Callable[[_Item], _Key]
) -> tuple[list[_Item], list[_Key]]:
    """(items of new that old lacks, keys of old that new lacks), sorted by key.

    Sets of whole items find the few that differ at C speed; keys are made for those alone.
    """
    if not old:
        return list(new), []
    olds, news = set(old), set(new)
    put = sorted(news - olds, key=key)  # type: ignore[arg-type]  # keys are strings or tuples of strings
    replaced = {key(item) for item in put}
    dropped = {key(item) for item in olds - news} - replaced
    return put, sorted(dropped)  # type: ignore[type-var]


def apply(old: GraphData | None, delta: Delta) -> GraphData:
    """The graph that the delta makes of old (None: of nothing)."""
    old = old or EMPTY
    if not old.nodes and not old.edges:
        return make_graph(delta.put_nodes, delta.put_edges)
    nodes = {node.address: node for node in old.nodes}
    nodes.update((node.address, node) for node in delta.put_nodes)
    for address in delta.drop_nodes:
        nodes.pop(address, None)
    edges = {key_of(edge): edge for edge in old.edges}
    edges.update((key_of(edge), edge) for edge in delta.put_edges)
    for key in delta.drop_edges:
        edges.pop(key, None)
    return make_graph(nodes.values(), edges.values())


def digest(graph: GraphData) -> str:
    """SHA-256 of the graph's JSON, as `sha256:` and 64 hex digits: equal graphs, equal digests."""
    return "sha256:" + hashlib.sha256(_encode(graph)).hexdigest()
