"""Decodes vertices and edges of a Gremlin endpoint into the core's records."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from gremlin_python.process.traversal import T

from karma_adapters.gremlin.property_graph import (
    BUILD_FIELDS,
    CHANGE_FIELDS,
    COMPONENT_FIELDS,
    PROVENANCE_FIELDS,
    unescaped,
)
from karma_core.ids import vertex_id
from karma_core.json_types import GremlinValue
from karma_core.model import Build, ChangeNode, Component, Edge, Finding, Kind, Provenance, Record, Status

Row = Mapping[str, GremlinValue]
"""An element as the server returns it: properties by name, id and label under `T`."""

_decode_strings = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_findings = msgspec.json.Decoder(tuple[Finding, ...]).decode
_decode_build = msgspec.json.Decoder(Build).decode


class Lock(Record, frozen=True, kw_only=True):
    """The Lock vertex of an environment: the fence, what is current, and what is under way.

    `token` is the highest fencing token seen, `build` the current build's number (0: none) and `current` its
    record. `publishing` is the build being written and `until` (Unix seconds) when its transaction is dead at
    the latest. `staging` says that staged parts may lie about; `redo` names those that are already part of
    the current graph although they have not been written into it yet.
    """

    token: int = 0
    build: int = 0
    current: Build | None = None
    publishing: int = 0
    until: int = 0
    staging: str = ""
    redo: str = ""


def read_component(environment: str, row: Row) -> Component:
    """The component of a vertex."""
    fields: dict[str, GremlinValue] = {name: row.get(name) for name in COMPONENT_FIELDS}
    provenance = None
    if "dirty" in row:
        origin: dict[str, GremlinValue] = {name: row.get(name) for name in PROVENANCE_FIELDS}
        provenance = Provenance(**origin)
    return Component(
        address=row[T.id][len(vertex_id(environment, "")) :],
        environment=environment,
        status=Status(row["status"]),
        provenance=provenance,
        **fields,
    )


def read_edge(environment: str, row: Row) -> Edge:
    """The edge of a row that holds its id and its properties."""
    source, kind, target = row[T.id][len(vertex_id(environment, "")) :].split("|")
    keys = row.get("keys")
    return Edge(
        source=unescaped(source),
        target=unescaped(target),
        kind=Kind(kind),
        via=_decode_strings(row["via"]),
        pointers=_decode_strings(row["pointers"]),
        keys=None if keys is None else _decode_strings(keys),
    )


def read_change(environment: str, row: Row) -> ChangeNode:
    """The change of a vertex."""
    fields = {name: row[name] for name in CHANGE_FIELDS if name in row}
    return ChangeNode(id=row["change"], environment=environment, **fields)


def read_build(row: Row) -> Build:
    """The build of a vertex."""
    fields = {name: row[name] for name in BUILD_FIELDS if name in row}
    findings = _decode_findings(row["findings"])
    return Build(id=row["number"], environment=row["environment"], findings=findings, **fields)


def read_lock(row: Row) -> Lock:
    """The Lock of a vertex."""
    fields = {name: row[name] for name in Lock.__struct_fields__ if name in row}
    if "current" in fields:
        fields["current"] = _decode_build(fields["current"])
    return Lock(**fields)
