"""The difference between two graphs, applying it, and the digest that tells graphs apart.

All three take and give plain sorted `GraphData`; each costs O(V+E).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec

from karma_core.model import ChangeNode, Component, Delta, Edge, GraphData

EdgeKey = tuple[str, str, str]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")

CHANGED_BY: Final = "changed_by"
"""Kind of the edges from a component to the change that wrote its config."""
TRIGGERED: Final = "triggered"
"""Kind of the edges from a change to one that it led to."""
EMPTY = GraphData()
_encode = msgspec.json.Encoder().encode


def address_of(node: Component) -> str:
    """Identity of a node within one graph."""
    return node.address


def key_of(edge: Edge) -> EdgeKey:
    """Identity of an edge within one graph, as plain strings."""
    return (edge.source, edge.target, edge.kind.value)


def id_of(change: ChangeNode) -> str:
    """Identity of a change within one graph."""
    return change.id


def make_graph(
    nodes: Iterable[Component], edges: Iterable[Edge], changes: Iterable[ChangeNode] = ()
) -> GraphData:
    """A graph with its nodes, edges and changes in their order."""
    return GraphData(
        nodes=tuple(sorted(nodes, key=address_of)),
        edges=tuple(sorted(edges, key=key_of)),
        changes=tuple(sorted(changes, key=id_of)),
    )


def lineage(graph: GraphData) -> set[EdgeKey]:
    """The edges of changes: component → the change that wrote its config, change → what it triggered."""
    if not graph.changes:
        return set()
    known = {change.id for change in graph.changes}
    wrote = {(n.address, n.provenance.change) for n in graph.nodes if n.provenance and n.provenance.change}
    edges = {(address, change, CHANGED_BY) for address, change in wrote if change in known}
    edges |= {(c.triggered_by, c.id, TRIGGERED) for c in graph.changes if c.triggered_by in known}
    return edges


def diff(old: GraphData | None, new: GraphData) -> Delta:
    """Return the delta from old (None: an empty graph) to new, everything sorted.

    `added`, `changed` and `removed` count components. One whose own dependencies changed is changed.
    """
    old = old or EMPTY
    put_nodes, drop_nodes = _changes(old.nodes, new.nodes, address_of)
    put_edges, drop_edges = _changes(old.edges, new.edges, key_of)
    known = {node.address for node in old.nodes}
    touched = {node.address for node in put_nodes}
    touched.update(edge.source for edge in put_edges)
    touched.update(source for source, _, _ in drop_edges)
    put_changes, drop_changes = _changes(old.changes, new.changes, id_of)
    old_lineage, new_lineage = lineage(old), lineage(new)
    return Delta(
        put_nodes=tuple(put_nodes),
        put_edges=tuple(put_edges),
        drop_nodes=tuple(drop_nodes),
        drop_edges=tuple(drop_edges),
        put_changes=tuple(put_changes),
        drop_changes=tuple(drop_changes),
        put_lineage=tuple(sorted(new_lineage - old_lineage)),
        drop_lineage=tuple(sorted(old_lineage - new_lineage)),
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
    """Apply the delta to old (None: an empty graph) and return the new graph."""
    old = old or EMPTY
    changes = {change.id: change for change in (*old.changes, *delta.put_changes)}
    for change_id in delta.drop_changes:
        changes.pop(change_id, None)
    if not old.nodes and not old.edges:
        return make_graph(delta.put_nodes, delta.put_edges, changes.values())
    nodes = {node.address: node for node in old.nodes}
    nodes.update((node.address, node) for node in delta.put_nodes)
    for address in delta.drop_nodes:
        nodes.pop(address, None)
    edges = {key_of(edge): edge for edge in old.edges}
    edges.update((key_of(edge), edge) for edge in delta.put_edges)
    for key in delta.drop_edges:
        edges.pop(key, None)
    return make_graph(nodes.values(), edges.values(), changes.values())


def digest(graph: GraphData) -> str:
    """SHA-256 of the graph's JSON, as `sha256:` and 64 hex digits: equal graphs, equal digests.

    A graph without changes has the digest that it had when graphs had none.
    """
    body: dict[str, tuple[object, ...]] = {"nodes": graph.nodes, "edges": graph.edges}
    if graph.changes:
        body["changes"] = graph.changes
    return "sha256:" + hashlib.sha256(_encode(body)).hexdigest()
