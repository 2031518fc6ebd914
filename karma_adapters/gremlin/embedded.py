"""Gremlin text, answered in this process by graphersal over the current graph of any graph store.

The graph is handed over as GraphSON 3.0, in a file because graphersal takes no other. Its query language is
Rhai script with Gremlin's steps: the script is made of the parsed text, and literals go as parameters.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import graphersal
import msgspec

from karma_adapters.gremlin import property_graph as pg
from karma_core import ports
from karma_core.errors import StoreUnavailable, UsageError
from karma_core.graph import gremlin_text
from karma_core.graph.delta import lineage
from karma_core.graph.gremlin_answer import (
    LIMIT,
    SECONDS,
    GremlinAnswer,
    make_answer,
    unanswerable,
)
from karma_core.ids import vertex_id
from karma_core.json_types import GremlinValue
from karma_core.model import Build

_POLICY: Final = graphersal.AccessPolicy.read_only().allow("update", "option")
"""Reading, and setting the time limit; the parsed text has no step that sets options."""

_encode = msgspec.json.Encoder().encode


class EmbeddedGremlin:
    """Answers Gremlin text from a graph store that has no Gremlin of its own."""

    def __init__(self, store: ports.GraphStore) -> None:
        self._store = store
        self._graph: graphersal.Graph | None = None
        self._build: Build | None = None

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        query = gremlin_text.parse(text)
        script = _Script()
        body = script.traversal(query)
        source = f'g.with("evaluationTimeout", {int(1000 * seconds)}).{body}.limit({limit + 1}).toList()'
        try:
            results = self._current(environment).execute(source, script.parameters, policy=_POLICY)
        except graphersal.GraphersalError as error:
            raise _translated(error) from error
        return make_answer(query, results, limit, _plain)

    def _current(self, environment: str) -> graphersal.Graph:
        """The engine with the current graph, made anew when the build has moved."""
        build = self._store.current(environment)
        if self._graph is None or build != self._build:
            self._graph = _load(self._store, environment)
            self._build = build
        return self._graph


def _load(store: ports.GraphStore, environment: str) -> graphersal.Graph:
    snapshot = store.load(environment)
    if snapshot is None:
        return graphersal.Graph()
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
    builds = [
        _vertex(pg.build_id(environment, build.id), pg.BUILD, pg.build_properties(build))
        for build in store.builds(environment, limit=snapshot.build.id)
    ]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "graph.json")
        path.write_bytes(b"\n".join(_encode(vertex) for vertex in (*vertices.values(), *builds)))
        return graphersal.Graph.from_graphson(str(path))


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


class _Script:
    """A query as Rhai. Every literal is a parameter, so that no text of the user's becomes script."""

    def __init__(self) -> None:
        self.parameters: dict[str, GremlinValue] = {}

    def traversal(self, traversal: gremlin_text.Traversal) -> str:
        """Steps, joined by dots."""
        return ".".join(f"{step.name}({self._arguments(step.arguments)})" for step in traversal.steps)

    def _arguments(self, arguments: tuple[gremlin_text.Argument, ...]) -> str:
        return ", ".join(map(self._argument, arguments))

    def _argument(self, argument: gremlin_text.Argument) -> str:
        if isinstance(argument, gremlin_text.Name):
            return f"{argument.owner}.{argument.name}"
        if isinstance(argument, gremlin_text.Predicate):
            return f"{argument.owner}.{argument.name}({self._arguments(argument.arguments)})"
        if isinstance(argument, gremlin_text.Traversal):
            return f"__.{self.traversal(argument)}"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = argument
        return name


def _plain(value: GremlinValue) -> GremlinValue:
    if isinstance(value, graphersal.Vertex):
        return {"id": value.id, "label": value.label}
    if isinstance(value, graphersal.Edge):
        return {"id": value.id, "label": value.label, "source": value.out_v.id, "target": value.in_v.id}
    return value


def _translated(error: graphersal.GraphersalError) -> StoreUnavailable | UsageError:
    """The engine runs in this process: short of time, what it cannot answer is the query's fault."""
    text = str(error)
    if "evaluationTimeout" in text or "timeout" in text.lower():
        return StoreUnavailable(
            "the Gremlin query took too long",
            why=text.partition("\n")[0][:300],
            next_step="ask for less, or allow more time",
        )
    return unanswerable(text.strip().rpartition("Caused by: ")[2].partition("\n")[0][:300])
