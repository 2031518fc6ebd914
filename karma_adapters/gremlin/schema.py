"""How the graph is kept as vertices, edges and properties.

Vertices `Component`, `Build` and `Lock` and edges of the three kinds are the design's (section 3). Neptune
has neither lists nor maps as values: `via`, `pointers`, `keys` and `findings` are JSON text (`["nickname"]`,
which `containing('nickname')` finds). A field that is None has no property. Ids are strings that say what
they are of:

    <environment>:<address>                         Component
    <environment>:<source>|<kind>|<target>          edge
    build:<environment>:<number>                    Build
    lock:<environment>                              Lock
    staged:<environment>:<stage>:<place>            Staged (one part of a publish too large for a transaction)

An address holds a `/` and no other id of a vertex does, so that they cannot meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from gremlin_python.process.traversal import T

from karma_core.ids import vertex_id
from karma_core.model import Build, Component, Edge, Finding, Kind, Provenance, Record, Status

COMPONENT: Final = "Component"
BUILD: Final = "Build"
LOCK: Final = "Lock"
STAGED: Final = "Staged"
KINDS: Final = tuple(kind.value for kind in Kind)

Value = str | int | bool
Properties = dict[str, Value]
Row = Mapping[Any, Any]
"""An element as the server returns it: properties by name, id and label under `T`."""

_COMPONENT_FIELDS: Final = (
    "type",
    "nickname",
    "config_path",
    "config_version",
    "config_digest",
    "runtime_path",
    "runtime_version",
    "runtime_digest",
    "applied_fingerprint",
)
_PROVENANCE_FIELDS: Final = ("commit", "path", "change", "dirty")
_EDGE_LISTS: Final = ("via", "pointers", "keys")
_BUILD_FIELDS: Final = (
    "created_at",
    "digest",
    "inputs",
    "components",
    "dependencies",
    "added",
    "changed",
    "removed",
    "snapshot",
    "base",
)
COMPONENT_PROPERTIES: Final = ("environment", "status", *_COMPONENT_FIELDS, *_PROVENANCE_FIELDS)

_encode = msgspec.json.Encoder().encode
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


def lock_id(environment: str) -> str:
    """Id of an environment's Lock."""
    return f"lock:{environment}"


def build_id(environment: str, number: int) -> str:
    """Id of a Build."""
    return f"build:{environment}:{number}"


def staged_id(environment: str, stage: str, place: int) -> str:
    """Id of one part of a staged publish."""
    return f"staged:{environment}:{stage}:{place}"


def edge_id(environment: str, source: str, kind: str, target: str) -> str:
    """Id of an edge, from which its identity can be read again."""
    return f"{environment}:{_escaped(source)}|{kind}|{_escaped(target)}"


def _escaped(address: str) -> str:
    return address.replace("%", "%25").replace("|", "%7C")


def _unescaped(text: str) -> str:
    return text.replace("%7C", "|").replace("%25", "%") if "%" in text else text


def component_properties(node: Component) -> Properties:
    """Properties of a component's vertex."""
    found = {name: getattr(node, name) for name in _COMPONENT_FIELDS}
    found |= {"environment": node.environment, "status": node.status.value}
    if node.provenance is not None:
        found |= {name: getattr(node.provenance, name) for name in _PROVENANCE_FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def read_component(environment: str, row: Row) -> Component:
    """The component of a vertex."""
    fields: dict[str, Any] = {name: row.get(name) for name in _COMPONENT_FIELDS}
    provenance = None
    if "dirty" in row:
        origin: dict[str, Any] = {name: row.get(name) for name in _PROVENANCE_FIELDS}
        provenance = Provenance(**origin)
    return Component(
        address=row[T.id][len(vertex_id(environment, "")) :],
        environment=environment,
        status=Status(row["status"]),
        provenance=provenance,
        **fields,
    )


def edge_properties(edge: Edge) -> Properties:
    """Properties of an edge."""
    found = {"via": edge.via, "pointers": edge.pointers, "keys": edge.keys}
    return {name: _encode(value).decode() for name, value in found.items() if value is not None}


def read_edge(environment: str, row: Row) -> Edge:
    """The edge of a row that holds its id and its properties."""
    source, kind, target = row[T.id][len(vertex_id(environment, "")) :].split("|")
    keys = row.get("keys")
    return Edge(
        source=_unescaped(source),
        target=_unescaped(target),
        kind=Kind(kind),
        via=_decode_strings(row["via"]),
        pointers=_decode_strings(row["pointers"]),
        keys=None if keys is None else _decode_strings(keys),
    )


def build_properties(build: Build) -> Properties:
    """Properties of a build's vertex."""
    found = {name: getattr(build, name) for name in _BUILD_FIELDS}
    found |= {"environment": build.environment, "number": build.id}
    found["findings"] = _encode(build.findings).decode()
    return {name: value for name, value in found.items() if value is not None}


def read_build(row: Row) -> Build:
    """The build of a vertex."""
    fields = {name: row[name] for name in _BUILD_FIELDS if name in row}
    findings = _decode_findings(row["findings"])
    return Build(id=row["number"], environment=row["environment"], findings=findings, **fields)


def build_text(build: Build) -> str:
    """A build as the Lock keeps it."""
    return _encode(build).decode()


def read_lock(row: Row) -> Lock:
    """The Lock of a vertex."""
    fields = {name: row[name] for name in Lock.__struct_fields__ if name in row}
    if "current" in fields:
        fields["current"] = _decode_build(fields["current"])
    return Lock(**fields)
