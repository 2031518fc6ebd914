"""Questions to the graph: by name, or in Gremlin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.exchange import Reply
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import Document
from karma_core.errors import UsageError
from karma_core.graph.document import edge_document, node_document
from karma_core.graph.gremlin_text import MAX_TEXT
from karma_core.graph.query import run_query
from karma_core.ids import shown
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.use_cases.changes.register import Register

RECENT = "recent_changes"
RECENT_LIMIT = 20
MOST_RECENT = 500


class Query(Document, frozen=True, kw_only=True):
    """Either a named query with its parameters, or Gremlin text."""

    query_type: Annotated[str, Meta(max_length=60)] | None = None
    parameters: dict[str, Annotated[str, Meta(max_length=200)] | int] = {}
    gremlin: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)] | None = None

    def __post_init__(self) -> None:
        if (self.query_type is None) == (self.gremlin is None):
            raise ValueError("give either a query_type or gremlin")


class QueryAsked(Asked, frozen=True, kw_only=True):
    """A question."""

    body: Query


class QueryAnswer(Answered, kw_only=True):
    """A part of the graph. `results` holds what a Gremlin query gave, whatever it was."""

    nodes: list[JsonObject]
    edges: list[JsonObject]


def query(service: Service, caller: Caller, asked: QueryAsked) -> Reply:
    """Answer a named query, or one in Gremlin, which needs an operator."""
    wanted = asked.body
    if wanted.gremlin is not None:
        return Reply(document=_gremlin(service, caller, wanted.gremlin))
    view = service.graph.view()
    parameters = {name: str(value) for name, value in wanted.parameters.items()}
    if wanted.query_type == RECENT:
        return Reply(document=_recent_changes(service, view, parameters))
    forms = view.rendered.forms
    subgraph = run_query(view.data, str(wanted.query_type), parameters, graph=lambda: view.graph, forms=forms)
    return Reply(document=subgraph, view=view)


def _recent_changes(service: Service, view: View, parameters: dict[str, str]) -> JsonObject:
    """The components that the newest changes edited, the edges between them, and those changes."""
    component = parameters.get("component")
    most = _most(parameters)
    recent = []
    for change in reversed(Register(service.workspace).all()):
        if change.runs_only:
            continue
        addresses = [edit.address for edit in change.edits]
        if component is None or component in addresses:
            recent.append((change, addresses))
        if len(recent) == most:
            break
    named = {address for _, addresses in recent for address in addresses}
    return {
        "nodes": [node_document(node) for node in view.data.nodes if node.address in named],
        "edges": [edge_document(e) for e in view.data.edges if e.source in named and e.target in named],
        "changes": [
            {"change_id": c.id, "status": str(c.status), "components": a, "updated_at": c.updated_at}
            for c, a in recent
        ],
    }


def _most(parameters: dict[str, str]) -> int:
    unknown = sorted(set(parameters) - {"component", "limit"})
    text = parameters.get("limit", str(RECENT_LIMIT))
    if unknown or not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_RECENT):
        what = f"does not take {shown(unknown[0])}" if unknown else f"has a wrong limit: {shown(text)}"
        raise UsageError(
            f"the query {RECENT} {what}",
            next_step=f"it takes: [component], [limit] (1 to {MOST_RECENT})",
            code="query-parameters",
        )
    return int(text)


def _gremlin(service: Service, caller: Caller, text: str) -> JsonObject:
    """The results, and the components and edges among them."""
    if not caller.role.includes(Role.OPERATOR):
        raise service.access.refuse(caller, "Gremlin queries", Role.OPERATOR)
    view = service.graph.view()
    answer = service.gremlin(text)
    by_id = {f"{service.name}:{address}": address for address in view.nodes}
    elements = [r for r in answer.results if isinstance(r, dict) and isinstance(r.get("id"), str)]
    named = {by_id[r["id"]] for r in elements if r["id"] in by_id}
    pairs = {
        (by_id.get(r["source"]), by_id.get(r["target"]), r["label"])
        for r in elements
        if {"source", "target", "label"} <= r.keys()
    }
    return {
        "nodes": [node_document(node) for node in view.data.nodes if node.address in named],
        "edges": [edge_document(edge) for edge in view.data.edges if edge.key in pairs],
        "results": answer.results,
        "truncated": answer.truncated,
    }


ROUTES = (
    Route(
        name="graph-query",
        method="POST",
        path="/graph/query",
        role=Role.VIEWER,
        handler=query,
        summary="Ask the graph by a query's name, or in Gremlin",
        tag="graph",
        asked=QueryAsked,
        answered=QueryAnswer,
        statuses=(422,),
        cached=True,
        costly=True,
    ),
)
