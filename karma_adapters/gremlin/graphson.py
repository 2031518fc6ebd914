"""The graph as GraphSON 3.0, in the form in which Neptune holds it (`property_graph`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from karma_adapters.gremlin import property_graph as pg
from karma_core.graph.delta import lineage
from karma_core.ids import vertex_id
from karma_core.json_types import GremlinValue
from karma_core.model import Build, Snapshot

_encode = msgspec.json.Encoder().encode


def write_graph(snapshot: Snapshot, builds: Iterable[Build], path: Path) -> None:
    """Write a graph, with its changes and builds, as GraphSON 3.0, a vertex a line."""
    environment = snapshot.build.environment
    vertices = {
        vertex_id(environment, node.address): _vertex(
            vertex_id(environment, node.address), pg.COMPONENT, pg.component_properties(node)
        )
        for node in snapshot.graph.nodes
    }
    vertices |= {
        pg.change_id(environment, change.id): _vertex(
            pg.change_id(environment, change.id), pg.CHANGE, pg.change_properties(change)
        )
        for change in snapshot.graph.changes
    }
    for edge in snapshot.graph.edges:
        kind = edge.kind.value
        ends = vertex_id(environment, edge.source), vertex_id(environment, edge.target)
        identity = pg.edge_id(environment, edge.source, kind, edge.target)
        _join(vertices, ends, kind, identity, pg.edge_properties(edge))
    for source, target, kind in sorted(lineage(snapshot.graph)):
        ends = pg.ends(environment, source, target, kind)
        _join(vertices, ends, kind, pg.edge_id(environment, source, kind, target), {})
    published = [
        _vertex(pg.build_id(environment, build.id), pg.BUILD, pg.build_properties(build)) for build in builds
    ]
    path.write_bytes(b"\n".join(_encode(vertex) for vertex in (*vertices.values(), *published)))


def _join(
    vertices: dict[str, dict[str, GremlinValue]],
    ends: tuple[str, str],
    kind: str,
    identity: str,
    properties: pg.Properties,
) -> None:
    """Add an edge to both of its vertices."""
    source, target = ends
    record = {
        "id": identity,
        "properties": {name: _typed(value) for name, value in properties.items()},
    }
    vertices[source].setdefault("outE", {}).setdefault(kind, []).append(record | {"inV": target})
    vertices[target].setdefault("inE", {}).setdefault(kind, []).append(record | {"outV": source})


def _vertex(identity: str, label: str, properties: pg.Properties) -> dict[str, GremlinValue]:
    values = {
        name: [{"id": f"{identity}#{name}", "value": _typed(value)}] for name, value in properties.items()
    }
    return {"id": identity, "label": label, "properties": values}


def _typed(value: pg.Value) -> GremlinValue:
    integer = isinstance(value, int) and not isinstance(value, bool)
    return {"@type": "g:Int64", "@value": value} if integer else value
