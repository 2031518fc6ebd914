"""The graph: drawn, as a table, as a tree; what is next to a component; exports."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from karma_core.errors import NotFound
from karma_core.ids import shown
from karma_core.json_types import JsonMapping, JsonObject
from karma_ui import exports, tree
from karma_ui.graph_cache import CachedGraph
from karma_ui.headers import PRIVATE
from karma_ui.scene import GROUP, Scene, draw
from karma_ui.view import DEPTHS, View, read_view
from karma_ui.visit import Visit

MOST_ROWS: Final = 500
"""Rows of the table. Ours: who wants more searches or filters."""
MAX_MATCHES: Final = 30
MOST_EDGES: Final = 50
MOST_BUILDS: Final = 100


async def show(visit: Visit) -> Response:
    """The page."""
    view = read_view(visit.query)
    graph = await graph_of(visit, view)
    if view.focus and view.focus not in graph.nodes:
        raise _unknown(view.focus)
    scene = await _scene(visit, view, graph)
    matches, count = graph.search(view.q, MAX_MATCHES) if view.q else ([], 0)
    builds = await visit.api.get("/builds", limit=MOST_BUILDS)
    facts: dict[str, Any] = {"rows": [], "branches": []}
    if view.form == "table":
        facts["rows"] = _rows(graph, view)
    elif view.form == "tree":
        facts["branches"] = tree.branches(graph, view)
    return visit.page(
        "graph.html",
        view=view,
        whole=graph,
        scene=scene,
        found=matches,
        found_count=count,
        builds=builds["items"],
        depths=DEPTHS,
        most=MOST_ROWS,
        selected=describe(graph, view.focus) if view.focus else None,
        **facts,
    )


async def scene(visit: Visit) -> Response:
    """The drawn part as JSON, for the browser's canvas."""
    view = read_view(visit.query)
    drawn = await _scene(visit, view, await graph_of(visit, view))
    return Response(msgspec.json.encode(drawn.document()), media_type="application/json")


async def node(visit: Visit) -> Response:
    """Show a component's details beside the picture."""
    view = read_view(visit.query)
    graph = await graph_of(visit, view)
    return visit.page("graph_node.html", view=view, selected=describe(graph, view.focus))


async def edge(visit: Visit) -> Response:
    """Show a dependency's resolvers, places and keys; between folded types, all dependencies."""
    graph = await graph_of(visit, read_view(visit.query))
    source, target = visit.query.get("source", ""), visit.query.get("target", "")
    edges = [
        document
        for ends, document in sorted(graph.edges.items())
        if source in _named(graph, ends[0]) and target in _named(graph, ends[1])
    ]
    if not edges:
        raise NotFound("there is no such dependency", next_step="open the graph anew")
    return visit.page("graph_edge.html", edges=edges[:MOST_EDGES], count=len(edges))


async def picture(visit: Visit) -> Response:
    """The drawn part as SVG."""
    view = read_view(visit.query)
    drawn = await _scene(visit, view, await graph_of(visit, view))
    return _file(exports.svg(drawn), "image/svg+xml", "graph.svg")


async def mermaid(visit: Visit) -> Response:
    """The drawn part as Mermaid text."""
    view = read_view(visit.query)
    drawn = await _scene(visit, view, await graph_of(visit, view))
    return _file(exports.mermaid(drawn), "text/plain; charset=utf-8", "graph.mmd")


async def graph_of(visit: Visit, view: View) -> CachedGraph:
    """The graph that a view is of."""
    return await visit.context.graphs.of(visit.api, visit.environment, view.at)


def describe(graph: CachedGraph, address: str) -> JsonObject:
    """A component with its neighbours' edges and the size of its cone."""
    if address not in graph.nodes:
        raise _unknown(address)
    return {
        "node": graph.nodes[address],
        "producers": [graph.edges[address, other] for other in graph.producers[address]],
        "consumers": [graph.edges[other, address] for other in graph.consumers[address]],
        "cone": len(graph.reach(address, None, consumers=True)) - 1,
    }


async def _scene(visit: Visit, view: View, graph: CachedGraph) -> Scene:
    before = None
    if view.since:
        before = await visit.context.graphs.of(visit.api, visit.environment, view.since)
    plan: JsonMapping | None = await visit.api.get(f"/plans/{view.plan}") if view.plan else None
    if before is None and plan is None:
        return graph.remembered(view, lambda: draw(graph, view))
    return draw(graph, view, before=before, plan=plan)


def _rows(graph: CachedGraph, view: View) -> list[JsonObject]:
    """Rows of the table: what the view shows, one by one whatever is folded."""
    return [
        {
            **graph.nodes[address],
            "producers": len(graph.producers[address]),
            "consumers": len(graph.consumers[address]),
        }
        for address in tree.chosen(graph, view)[:MOST_ROWS]
    ]


def _named(graph: CachedGraph, address: str) -> set[str]:
    """The names under which a component may be drawn."""
    node = graph.nodes.get(address)
    return {address, GROUP + node["type"]} if node else {address}


def _unknown(address: str) -> NotFound:
    return NotFound(
        f"there is no component {shown(address)} in this graph", next_step="search for it on the graph page"
    )


def _file(text: str, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": PRIVATE}
    return Response(text, media_type=media_type, headers=headers)
