"""Traversals, built as bytecode. Values are arguments of steps and never become part of a text.

Only what Neptune has is used: string ids, `single` cardinality, `mergeV` and `mergeE` by id, no lambdas, no
lists or maps as values. Every write begins at the Lock, which it both checks and writes: a writer whose
token is no longer the highest changes nothing, and one that races with it meets a conflict in the store.
Traversals return the Lock, or nothing where the check failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, GraphTraversalSource, __
from gremlin_python.process.traversal import (
    Cardinality,
    Direction,
    Merge,
    Order,
    P,
    T,
    TraversalStrategies,
    WithOptions,
)
from gremlin_python.statics import long
from gremlin_python.structure.graph import Graph

from karma_adapters.gremlin import property_graph as pg
from karma_core.ids import vertex_id
from karma_core.model import Build, ChangeNode, Component, Delta, Edge

MAX_RECORDS: Final = 200
"""Labels and property values in one request (Neptune User Guide, "Making efficient upserts")."""
MAX_STEPS: Final = 1500
"""Steps in one request: Neptune may refuse more (same place)."""


def source() -> GraphTraversalSource:
    """Return a traversal source that is bound to no connection: `client` sends traversals."""
    return GraphTraversalSource(Graph(), TraversalStrategies())


# -- reading ------------------------------------------------------------------------------------------


def read_lock(environment: str) -> GraphTraversal:
    """The Lock."""
    return source().V(pg.lock_id(environment)).element_map()


def read_nodes(environment: str) -> GraphTraversal:
    """Every component."""
    return source().V().has(pg.COMPONENT, "environment", environment).element_map()


def read_edges(environment: str) -> GraphTraversal:
    """Every edge with its id. `elementMap` would add both ends, which the id says already."""
    edges = source().V().has(pg.COMPONENT, "environment", environment).out_e(*pg.KINDS)
    return edges.value_map().with_(WithOptions.tokens)


def read_changes(environment: str) -> GraphTraversal:
    """Every change."""
    return source().V().has(pg.CHANGE, "environment", environment).element_map()


def read_build(environment: str, number: int) -> GraphTraversal:
    """One build."""
    return source().V(pg.build_id(environment, number)).element_map()


def read_builds(environment: str, limit: int) -> GraphTraversal:
    """Builds, newest first."""
    builds = source().V().has(pg.BUILD, "environment", environment)
    return builds.order().by("number", Order.desc).limit(limit).element_map()


def read_staged(environment: str, stage: str) -> GraphTraversal:
    """The parts of a staged commit, in their order."""
    parts = source().V().has(pg.STAGED, "environment", environment).has("stage", stage)
    return parts.order().by("place").values("body")


# -- the Lock -----------------------------------------------------------------------------------------


def mark(build: Build, token: int, until: int) -> GraphTraversal:
    """Raise the fence, then say that the build is being written on its base.

    `until` is sent as 64 bits: from 2038 on, Unix time does not fit the driver's 32.
    """
    lock = (
        source()
        .merge_v({T.id: pg.lock_id(build.environment)})
        .option(
            Merge.on_create,
            {T.label: pg.LOCK, "environment": build.environment, "token": 0, "build": 0},
        )
        .has("token", P.lte(token))
    )
    marked = _set(lock, {"token": token}).has("build", build.base or 0)
    return _set(marked, {"publishing": build.id, "until": long(until)}).element_map()


def fenced(environment: str, token: int) -> GraphTraversal:
    """Return the start of a write: the Lock, checked and written."""
    lock = source().V(pg.lock_id(environment)).has("token", token)
    return _set(lock, {"token": token})


def flip(start: GraphTraversal, build: Build, redo: str = "") -> GraphTraversal:
    """Go on from the Lock only if the build's base is still current, and make the build current."""
    moved = start.has("build", build.base or 0)
    values: pg.Properties = {"build": build.id, "current": pg.build_text(build)}
    return _set(moved, values | ({"redo": redo} if redo else {}))


def note_staging(environment: str, token: int, stage: str) -> GraphTraversal:
    """Note on the Lock that parts of a stage may exist from now on."""
    return _set(fenced(environment, token), {"staging": stage}).id_()


def clear(environment: str, token: int, *names: str) -> GraphTraversal:
    """Drop properties of the Lock."""
    return fenced(environment, token).side_effect(__.properties(*names).drop()).id_()


def collect_staged(environment: str, token: int) -> GraphTraversal:
    """Drop every staged part of the environment."""
    parts = __.V().has(pg.STAGED, "environment", environment).drop()
    return fenced(environment, token).side_effect(parts).id_()


def drop_some(environment: str, token: int, label: str, limit: int) -> GraphTraversal:
    """Drop so many vertices of a label, with their edges."""
    some = __.V().has(label, "environment", environment).limit(limit).drop()
    return fenced(environment, token).side_effect(some).id_()


def one_of(environment: str, label: str) -> GraphTraversal:
    """The id of a vertex of a label, if there is one."""
    return source().V().has(label, "environment", environment).limit(1).id_()


def flip_loaded(build: Build, token: int) -> GraphTraversal:
    """Make a build current whose elements were all loaded, and forget the stage."""
    moved = flip(fenced(build.environment, token), build)
    return put_build(build).chain(moved.side_effect(__.properties("staging").drop())).id_()


def stage_part(environment: str, token: int, stage: str, place: int, body: str) -> GraphTraversal:
    """Write one part of a staged commit."""
    properties: pg.Properties = {"environment": environment, "stage": stage, "place": place, "body": body}
    part = Upsert(pg.staged_id(environment, stage, place), {T.label: pg.STAGED}, properties, ())
    return part.chain(fenced(environment, token)).id_()


def _set(traversal: GraphTraversal, properties: pg.Properties) -> GraphTraversal:
    for name, value in properties.items():
        traversal = traversal.property(Cardinality.single, name, value)
    return traversal


# -- the delta ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upsert:
    """A vertex, or an edge where `create` holds both ends, put whole: what is `absent` is dropped."""

    id: str
    create: dict[Any, str]
    properties: pg.Properties
    absent: tuple[str, ...]

    @property
    def records(self) -> int:
        """The number of records as Neptune counts them: the label and each property."""
        return 1 + len(self.properties)

    @property
    def steps(self) -> int:
        """Steps of `chain`."""
        return 2 + len(self.properties) + (3 if self.absent else 0)

    def chain(self, traversal: GraphTraversal) -> GraphTraversal:
        """The traversal, going on with this write."""
        if Direction.OUT in self.create:
            merged = traversal.merge_e({T.id: self.id}).option(Merge.on_create, self.create)
            for name, value in self.properties.items():
                merged = merged.property(name, value)
        else:
            merged = traversal.merge_v({T.id: self.id}).option(Merge.on_create, self.create)
            merged = _set(merged, self.properties)
        return merged.side_effect(__.properties(*self.absent).drop()) if self.absent else merged


@dataclass(frozen=True, slots=True)
class DropVertex:
    """A vertex that goes, with its edges."""

    id: str
    records = 1
    steps = 3

    def chain(self, traversal: GraphTraversal) -> GraphTraversal:
        """The traversal, going on with this write."""
        return traversal.side_effect(__.V(self.id).drop())


@dataclass(frozen=True, slots=True)
class DropEdge:
    """An edge that goes. It is reached from its source: Neptune starts no child traversal at `E()`."""

    source: str
    kind: str
    id: str
    records = 1
    steps = 5

    def chain(self, traversal: GraphTraversal) -> GraphTraversal:
        """The traversal, going on with this write."""
        return traversal.side_effect(__.V(self.source).out_e(self.kind).has_id(self.id).drop())


Write = Upsert | DropVertex | DropEdge


def put_component(node: Component) -> Upsert:
    """The write that puts a component."""
    properties = pg.component_properties(node)
    absent = tuple(name for name in pg.COMPONENT_PROPERTIES if name not in properties)
    return Upsert(vertex_id(node.environment, node.address), {T.label: pg.COMPONENT}, properties, absent)


def put_edge(environment: str, edge: Edge) -> Upsert:
    """The write that puts an edge; both ends must be there."""
    kind = edge.kind.value
    create = {
        T.label: kind,
        Direction.OUT: vertex_id(environment, edge.source),
        Direction.IN: vertex_id(environment, edge.target),
    }
    properties = pg.edge_properties(edge)
    absent = () if "keys" in properties else ("keys",)
    return Upsert(pg.edge_id(environment, edge.source, kind, edge.target), create, properties, absent)


def put_change(change: ChangeNode) -> Upsert:
    """The write that puts a change."""
    properties = pg.change_properties(change)
    absent = tuple(name for name in pg.CHANGE_FIELDS if name not in properties)
    return Upsert(pg.change_id(change.environment, change.id), {T.label: pg.CHANGE}, properties, absent)


def put_lineage(environment: str, key: tuple[str, str, str]) -> Upsert:
    """The write that puts an edge of changes; both ends must be there."""
    out, into = pg.ends(environment, *key)
    create = {T.label: key[2], Direction.OUT: out, Direction.IN: into}
    return Upsert(pg.edge_id(environment, key[0], key[2], key[1]), create, {}, ())


def put_build(build: Build) -> Upsert:
    """The write that puts a build's record."""
    identity = pg.build_id(build.environment, build.id)
    return Upsert(identity, {T.label: pg.BUILD}, pg.build_properties(build), ())


def writes(environment: str, delta: Delta) -> Iterator[Write]:
    """A delta as writes, in an order in which each finds what it needs."""
    for place, target, kind in delta.drop_edges:
        yield DropEdge(vertex_id(environment, place), kind, pg.edge_id(environment, place, kind, target))
    for place, target, kind in delta.drop_lineage:
        out, _ = pg.ends(environment, place, target, kind)
        yield DropEdge(out, kind, pg.edge_id(environment, place, kind, target))
    for address in delta.drop_nodes:
        yield DropVertex(vertex_id(environment, address))
    for change in delta.drop_changes:
        yield DropVertex(pg.change_id(environment, change))
    yield from map(put_component, delta.put_nodes)
    for edge in delta.put_edges:
        yield put_edge(environment, edge)
    yield from map(put_change, delta.put_changes)
    for key in delta.put_lineage:
        yield put_lineage(environment, key)


def batches(environment: str, token: int, writes: Iterable[Write]) -> Iterator[GraphTraversal]:
    """The writes as few fenced requests within Neptune's limits, each returning the last element's id."""
    traversal, records, steps = None, 0, 0
    for write in writes:
        if traversal is None or records + write.records > MAX_RECORDS or steps + write.steps > MAX_STEPS:
            if traversal is not None:
                yield traversal.id_()
            traversal, records, steps = fenced(environment, token), 1, 4
        traversal = write.chain(traversal)
        records += write.records
        steps += write.steps
    if traversal is not None:
        yield traversal.id_()
