"""Named queries: pure functions from a graph and parameters to a part of the graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from karma_core.errors import UsageError
from karma_core.graph.document import DOCUMENTS, Forms, graph_document, lineage_document
from karma_core.graph.graph import Graph
from karma_core.ids import shown
from karma_core.json_types import JsonObject
from karma_core.model import ChangeNode, Edge, GraphData, Status

Parameters = Mapping[str, str]
MakeGraph = Callable[[], Graph]
"""Gives the structure of the same data; only queries that walk ask for it."""


@dataclass(frozen=True)
class Query:
    """A query by name: what it answers, the parameters it needs and those it may have; its JSON form."""

    answers: str
    select: Callable[[GraphData, Parameters, MakeGraph], GraphData]
    needs: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    document: Callable[[GraphData, Forms], JsonObject] = graph_document


def run_query(
    data: GraphData,
    name: str,
    parameters: Parameters,
    *,
    graph: MakeGraph | None = None,
    forms: Forms = DOCUMENTS,
) -> JsonObject:
    """`{"nodes", "edges"}` of the named query; both ends of every edge are among the nodes.

    `graph` gives the structure of the data where the caller has it already, `forms` how both are shown.

    UsageError for an unknown query, a missing or an unknown parameter; NotFound for an unknown component.
    """
    query = QUERIES.get(name)
    if query is None:
        raise UsageError(
            f"there is no query {shown(name)!r}",
            next_step=f"choose one of {', '.join(sorted(QUERIES))}",
            code="unknown-query",
        )
    _check_parameters(name, query, parameters)
    return query.document(query.select(data, parameters, graph or partial(Graph, data)), forms)


def _check_parameters(name: str, query: Query, parameters: Parameters) -> None:
    missing = [key for key in query.needs if not parameters.get(key)]
    unknown = sorted(set(parameters) - {*query.needs, *query.may_have})
    if missing or unknown:
        fault = (
            f"needs {', '.join(missing)}" if missing else f"does not take {', '.join(map(shown, unknown))}"
        )
        takes = ", ".join((*query.needs, *(f"[{key}]" for key in query.may_have))) or "nothing"
        raise UsageError(f"the query {name} {fault}", next_step=f"it takes: {takes}", code="query-parameters")
    strange = sorted(key for key, value in parameters.items() if not isinstance(value, str))
    if strange:
        raise UsageError(
            f"the query {name} got a {strange[0]} that is no string",
            next_step="give parameters as strings",
            code="query-parameters",
        )


def _part(
    data: GraphData, addresses: Collection[str], keep: Callable[[Edge], bool] = lambda _: True
) -> GraphData:
    """The nodes at these addresses and the edges between them that are to be kept."""
    between = (edge for edge in data.edges if edge.source in addresses and edge.target in addresses)
    return GraphData(
        nodes=tuple(node for node in data.nodes if node.address in addresses),
        edges=tuple(edge for edge in between if keep(edge)),
    )


def _downstream(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    return _part(data, graph().cone(parameters["component"]))


def _upstream(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    return _part(data, graph().upstream(parameters["component"]))


def _dependencies(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    component = parameters.get("component")
    if not component:
        return data
    producers = graph().producers(component)
    return _part(data, {component, *producers}, lambda edge: component in (edge.source, edge.target))


def _consumers(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    component = parameters["component"]
    consumers = graph().consumers(component)
    return _part(data, {component, *consumers}, lambda edge: component in (edge.source, edge.target))


def _path(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    path = graph().path(parameters["source"], parameters["target"])
    steps = {*pairwise(path), *pairwise(path[::-1])}  # an emits edge points the other way
    return _part(data, set(path), lambda edge: (edge.source, edge.target) in steps)


def _of_type(data: GraphData, parameters: Parameters, _graph: MakeGraph) -> GraphData:
    return _part(data, {node.address for node in data.nodes if node.type == parameters["type"]})


def _with_status(*statuses: Status) -> Callable[[GraphData, Parameters, MakeGraph], GraphData]:
    def select(data: GraphData, _parameters: Parameters, _graph: MakeGraph) -> GraphData:
        return _part(data, {node.address for node in data.nodes if node.status in statuses})

    return select


def _changes(data: GraphData, parameters: Parameters, graph: MakeGraph) -> GraphData:
    """Components whose configs changes wrote, with those changes and what triggered them."""
    component = parameters.get("component")
    addresses = {component} if component else {node.address for node in data.nodes}
    if component:
        graph().producers(component)  # NotFound where there is no such component
    nodes = tuple(n for n in data.nodes if n.address in addresses and n.provenance and n.provenance.change)
    by_id = {change.id: change for change in data.changes}
    todo = [n.provenance.change for n in nodes if n.provenance and n.provenance.change in by_id]
    changes: dict[str, ChangeNode] = {}
    while todo:
        change = by_id[todo.pop()]
        if change.id not in changes:
            changes[change.id] = change
            todo += [change.triggered_by] if change.triggered_by in by_id else []
    return GraphData(nodes=nodes, changes=tuple(changes[change_id] for change_id in sorted(changes)))


QUERIES: Final[dict[str, Query]] = {
    "absent": Query("components never deployed", _with_status(Status.ABSENT)),
    "changes": Query(
        "the changes that wrote configs of now, and what triggered them; of one component, or of all",
        _changes,
        may_have=("component",),
        document=lineage_document,
    ),
    "consumers": Query("who depends on the component directly", _consumers, ("component",)),
    "dependencies": Query(
        "what the component depends on directly; without one, the whole graph",
        _dependencies,
        may_have=("component",),
    ),
    "downstream": Query("the component and all that depends on it", _downstream, ("component",)),
    "drift": Query("components whose cloud differs from their state", _with_status(Status.DRIFTED)),
    "external": Query("runtimes that others provide", _with_status(Status.EXTERNAL)),
    "failed": Query("components whose last apply failed", _with_status(Status.FAILED)),
    "invalid": Query("components whose config cannot be used", _with_status(Status.INVALID)),
    "orphans": Query("runtimes that nobody configures, consumes or applied", _with_status(Status.ORPHAN)),
    "path": Query("a shortest way from a consumer to a producer", _path, ("source", "target")),
    "removed": Query("applied components whose config is gone", _with_status(Status.REMOVED)),
    "stale": Query("components whose inputs changed since they were applied", _with_status(Status.STALE)),
    "type": Query("all components of a type", _of_type, ("type",)),
    "upstream": Query("the component and all that it depends on", _upstream, ("component",)),
}
