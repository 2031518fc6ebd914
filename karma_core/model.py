"""Frozen values of the graph: components, edges, findings, builds, deltas.

They are msgspec structs: a build of 100,000 components makes half a million of them, and they are also the
documents that stores and interfaces carry. Those made by the hundred thousand hold strings only and so cannot
be part of a reference cycle: `gc=False` keeps them from the garbage collector, which makes loading a graph
three times as fast. Times are ISO 8601 in UTC with a `Z`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from karma_core.exact_numbers import built_in
from karma_core.json_types import JsonValue


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all frozen values.

    The cyclic garbage collector does not track them: a frozen value is made after all that it holds, so no
    cycle can pass through it. In a build of 100,000 components this saves a fifth of the time.
    """


class Status(StrEnum):
    """The status of a component (docs/concepts.md)."""

    ABSENT = "absent"
    CURRENT = "current"
    STALE = "stale"
    DRIFTED = "drifted"
    FAILED = "failed"
    INVALID = "invalid"
    EXTERNAL = "external"
    REMOVED = "removed"
    ORPHAN = "orphan"


class Kind(StrEnum):
    """Kinds of edge. All but EMITS point from consumer to producer."""

    DEPENDS_ON = "depends_on"
    CONSUMES = "consumes_runtime_from"
    EMITS = "emits_runtime_to"


class Severity(StrEnum):
    """The severity of a finding: an error blocks its component and what depends on that."""

    ERROR = "error"
    WARNING = "warning"


class Provenance(Record, frozen=True, kw_only=True, gc=False):
    """The origin of a config version: Git commit and path, dirty work tree, the change that wrote it."""

    commit: str | None = None
    path: str | None = None
    dirty: bool = False
    change: str | None = None


class Component(Record, frozen=True, kw_only=True, gc=False):
    """A node of the graph. Digests are `sha256:<hex>` (`hmac:<hex>` for SecureString values)."""

    address: str
    type: str
    nickname: str
    environment: str
    status: Status
    config_path: str | None = None
    config_version: int | None = None
    config_digest: str | None = None
    runtime_path: str
    runtime_version: int | None = None
    runtime_digest: str | None = None
    applied_fingerprint: str | None = None
    provenance: Provenance | None = None


class ChangeNode(Record, frozen=True, kw_only=True, gc=False):
    """A change in the graph, with its unchanging fields; its state is in the register of changes.

    `triggered_by` is the change that led to it: the one that a rollback takes back.
    """

    id: str
    environment: str
    requested_by: str = ""
    source: str = ""
    reason: str = ""
    created_at: str = ""
    triggered_by: str | None = None


class Edge(Record, frozen=True, kw_only=True, gc=False):
    """A dependency.

    `via`: resolvers that found it, sorted. `pointers`: where, sorted (`/vpc_nickname`, `main.tf:12`).
    `keys`: consumed keys of the producer's runtime, sorted; None where the whole runtime counts.
    """

    source: str
    target: str
    kind: Kind = Kind.DEPENDS_ON
    via: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    keys: tuple[str, ...] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity within one graph."""
        return (self.source, self.target, self.kind)


class Scope(StrEnum):
    """The scope of a finding, which an error blocks: a component, all of a type, or the environment."""

    COMPONENT = "component"
    TYPE = "type"
    ENVIRONMENT = "environment"


def about_type(component_type: str) -> str:
    """A component type as the `component` of a finding."""
    return f"{Scope.TYPE}:{component_type}"


def about_environment(environment: str) -> str:
    """A whole environment as the `component` of a finding."""
    return f"{Scope.ENVIRONMENT}:{environment}"


class Finding(Record, frozen=True, kw_only=True):
    """One result of validation.

    `component` is an address, or what `about_type` and `about_environment` make of a type or an environment;
    `scope` and `name` take it apart. `pointer` is a place, or empty.
    """

    code: str
    severity: Severity
    component: str
    pointer: str
    message: str

    @property
    def scope(self) -> Scope:
        """The kind of thing that the finding is about."""
        scope, colon, _ = self.component.partition(":")
        return Scope(scope) if colon else Scope.COMPONENT

    @property
    def name(self) -> str:
        """The address, the type or the environment that it is about."""
        return self.component.rpartition(":")[2]

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """Sort key: errors first, then by component, code, place and text."""
        return (self.severity, self.component, self.code, self.pointer, self.message)

    @property
    def said(self) -> str:
        """`code: component: message`, without the component where it is about none (a freeze)."""
        return ": ".join(filter(None, (self.code, self.component, self.message)))


class Build(Record, frozen=True, kw_only=True):
    """One publication of the graph. `id` counts from 1 per environment.

    `digest` identifies the graph's content, `inputs` what it was built from (empty: unknown), `snapshot` is
    the key of the artifact from which the graph can be restored.
    """

    id: int
    environment: str
    created_at: str
    digest: str
    inputs: str = ""
    components: int
    dependencies: int
    added: int
    changed: int
    removed: int
    findings: tuple[Finding, ...] = ()
    snapshot: str = ""
    base: int | None = None


class GraphData(Record, frozen=True, kw_only=True):
    """A whole graph as plain lists: nodes sorted by address, edges by (source, target, kind).

    `changes`, sorted by id, are those that the configs of now come from, and what triggered them. The edges
    to and between them follow from `Provenance.change` and `ChangeNode.triggered_by`.
    """

    nodes: tuple[Component, ...] = ()
    edges: tuple[Edge, ...] = ()
    changes: tuple[ChangeNode, ...] = ()


class Snapshot(Record, frozen=True, kw_only=True):
    """A graph as a store holds it, with the build that made it."""

    build: Build
    graph: GraphData


class Delta(Record, frozen=True, kw_only=True):
    """The delta between two graphs. `put_*` are complete records added or changed, removals are identities.

    `put_lineage` and `drop_lineage` are the edges of changes as (source, target, kind), for stores that keep
    edges of their own; a graph itself has them in its components and changes.
    """

    put_nodes: tuple[Component, ...] = ()
    put_edges: tuple[Edge, ...] = ()
    drop_nodes: tuple[str, ...] = ()
    drop_edges: tuple[tuple[str, str, str], ...] = ()
    put_changes: tuple[ChangeNode, ...] = ()
    drop_changes: tuple[str, ...] = ()
    put_lineage: tuple[tuple[str, str, str], ...] = ()
    drop_lineage: tuple[tuple[str, str, str], ...] = ()
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def empty(self) -> bool:
        """Whether both graphs are the same."""
        return self.records == 0

    @property
    def records(self) -> int:
        """How many records the delta puts or drops."""
        return sum(
            map(
                len,
                (
                    self.put_nodes,
                    self.put_edges,
                    self.drop_nodes,
                    self.drop_edges,
                    self.put_changes,
                    self.drop_changes,
                    self.put_lineage,
                    self.drop_lineage,
                ),
            )
        )


def to_builtins(value: object) -> JsonValue:
    """A struct, or lists of them, as plain JSON values."""
    return built_in(value)
