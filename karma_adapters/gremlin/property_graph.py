"""The graph as a property graph: vertices, edges and their properties, the same on every store that has them.

Vertices are `Component`, `Change`, `Build` and `Lock`; the five kinds of edges are listed in docs/graph.md.
Neptune has neither lists nor maps as values: `via`, `pointers`, `keys` and `findings` are JSON text
(`["nickname"]`, which `containing('nickname')` finds). A field that is None has no property. Ids are strings
that say what they are of:

    <environment>:<address>                         Component
    <environment>:<source>|<kind>|<target>          edge; a change stands there by its id
    change:<environment>:<id>                       Change
    build:<environment>:<number>                    Build
    lock:<environment>                              Lock
    staged:<environment>:<stage>:<place>            Staged (one part of a commit too large for a transaction)

An address holds a `/` and no other id of a vertex does, so that they cannot meet.
"""

from __future__ import annotations

from typing import Final

import msgspec

from karma_core.graph.delta import CHANGED_BY
from karma_core.ids import vertex_id
from karma_core.model import Build, ChangeNode, Component, Edge, Kind

COMPONENT: Final = "Component"
CHANGE: Final = "Change"
BUILD: Final = "Build"
LOCK: Final = "Lock"
STAGED: Final = "Staged"
KINDS: Final = tuple(kind.value for kind in Kind)

Value = str | int | bool
Properties = dict[str, Value]

COMPONENT_FIELDS: Final = (
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
PROVENANCE_FIELDS: Final = ("commit", "path", "change", "dirty")
BUILD_FIELDS: Final = (
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
CHANGE_FIELDS: Final = ("requested_by", "source", "reason", "created_at", "triggered_by")
COMPONENT_PROPERTIES: Final = ("environment", "status", *COMPONENT_FIELDS, *PROVENANCE_FIELDS)

_encode = msgspec.json.Encoder().encode


def lock_id(environment: str) -> str:
    """Id of an environment's Lock."""
    return f"lock:{environment}"


def change_id(environment: str, change: str) -> str:
    """Id of a Change."""
    return f"change:{environment}:{change}"


def ends(environment: str, source: str, target: str, kind: str) -> tuple[str, str]:
    """Ids of both vertices of an edge of changes."""
    out = vertex_id(environment, source) if kind == CHANGED_BY else change_id(environment, source)
    return out, change_id(environment, target)


def build_id(environment: str, number: int) -> str:
    """Id of a Build."""
    return f"build:{environment}:{number}"


def staged_id(environment: str, stage: str, place: int) -> str:
    """Id of one part of a staged commit."""
    return f"staged:{environment}:{stage}:{place}"


def edge_id(environment: str, source: str, kind: str, target: str) -> str:
    """Id of an edge, from which its identity can be read again."""
    return f"{environment}:{_escaped(source)}|{kind}|{_escaped(target)}"


def _escaped(address: str) -> str:
    return address.replace("%", "%25").replace("|", "%7C")


def unescaped(text: str) -> str:
    """An address as it was before it became part of an edge's id."""
    return text.replace("%7C", "|").replace("%25", "%") if "%" in text else text


def component_properties(node: Component) -> Properties:
    """Properties of a component's vertex."""
    properties = {name: getattr(node, name) for name in COMPONENT_FIELDS}
    properties |= {"environment": node.environment, "status": node.status.value}
    if node.provenance is not None:
        properties |= {name: getattr(node.provenance, name) for name in PROVENANCE_FIELDS}
    return {name: value for name, value in properties.items() if value is not None}


def change_properties(change: ChangeNode) -> Properties:
    """Properties of a change's vertex. `change` is its id, as components have it."""
    properties = {name: getattr(change, name) for name in CHANGE_FIELDS}
    properties |= {"environment": change.environment, "change": change.id}
    return {name: value for name, value in properties.items() if value is not None}


def edge_properties(edge: Edge) -> Properties:
    """Properties of an edge."""
    properties = {"via": edge.via, "pointers": edge.pointers, "keys": edge.keys}
    return {name: _encode(value).decode() for name, value in properties.items() if value is not None}


def build_properties(build: Build) -> Properties:
    """Properties of a build's vertex."""
    properties = {name: getattr(build, name) for name in BUILD_FIELDS}
    properties |= {"environment": build.environment, "number": build.id}
    properties["findings"] = _encode(build.findings).decode()
    return {name: value for name, value in properties.items() if value is not None}


def build_text(build: Build) -> str:
    """A build as the Lock keeps it."""
    return _encode(build).decode()
