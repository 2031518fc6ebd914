"""The drawn part of a graph: its components, folded types, positions and marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from karma_core.graph.layout import layered
from karma_core.json_types import JsonMapping, JsonObject
from karma_ui.graph_cache import CachedGraph
from karma_ui.view import View

MOST_OPEN: Final = 1_200
"""Components drawn one by one. Ours: more are a carpet that nobody reads and browsers draw slowly."""
GROUP: Final = "type:"
"""Before a type, where its components are folded into one; no address holds a colon."""


@dataclass(kw_only=True)
class Scene:
    """A picture: `nodes` and `edges` as the browser takes them, and the facts around them."""

    build: int
    nodes: list[JsonObject] = field(default_factory=list)
    edges: list[JsonObject] = field(default_factory=list)
    folded: tuple[str, ...] = ()
    shown: int = 0

    def document(self) -> JsonObject:
        """The scene as JSON."""
        return {"build": self.build, "nodes": self.nodes, "edges": self.edges, "shown": self.shown}


def draw(
    graph: CachedGraph,
    view: View,
    *,
    before: CachedGraph | None = None,
    plan: JsonMapping | None = None,
) -> Scene:
    """The scene of a view. O(V+E) of the graph, and the layout of what is drawn."""
    marks = compare(before, graph) if before is not None else {}
    graph = _with_removed(graph, before) if before is not None else graph
    actions = {c["address"]: c for c in plan["components"]} if plan is not None else {}
    visible = choose(graph, view, actions)
    folded = _folds(graph, view, visible)
    name = {
        a: GROUP + graph.nodes[a]["type"] if graph.nodes[a]["type"] in folded and a != view.focus else a
        for a in visible
    }
    edges = _edges(graph, name)
    layout = layered(name.values(), edges)
    members: dict[str, list[str]] = {}
    for address, shown in name.items():
        members.setdefault(shown, []).append(address)
    nodes = [_node(graph, shown, inside, marks, actions, view) for shown, inside in sorted(members.items())]
    for node in nodes:
        node["x"], node["y"] = layout.places[node["id"]]
    drawn = [
        {"source": pair[0], "target": pair[1], "count": count, "way": layout.waypoints.get(pair, [])}
        for pair, count in sorted(edges.items())
    ]
    return Scene(
        build=graph.build, nodes=nodes, edges=drawn, folded=tuple(sorted(folded)), shown=len(visible)
    )


def choose(graph: CachedGraph, view: View, actions: JsonMapping) -> list[str]:
    """Addresses that the view shows, sorted."""
    wanted = set(graph.nodes)
    if view.focus in wanted:
        wanted = graph.reach(view.focus, view.steps_down, consumers=True)
        wanted |= graph.reach(view.focus, view.steps_up, consumers=False)
    elif actions:
        wanted = {address for address in actions if address in graph.nodes}
        wanted |= {producer for address in wanted for producer in graph.producers[address]}
    shown = []
    for address in sorted(wanted):
        node = graph.nodes[address]
        right = not view.type or node["type"] in view.type
        if address == view.focus or (right and (not view.status or node["status"] in view.status)):
            shown.append(address)
    return shown


def compare(before: CachedGraph, after: CachedGraph) -> dict[str, str]:
    """Address → `added`, `removed` or `changed`, for what differs between two builds."""
    marks = {a: "removed" for a in before.nodes if a not in after.nodes}
    for address, node in after.nodes.items():
        old = before.nodes.get(address)
        if old is None:
            marks[address] = "added"
        elif old != node:
            marks[address] = "changed"
    return marks


def _with_removed(graph: CachedGraph, before: CachedGraph) -> CachedGraph:
    """Add components removed since an earlier build."""
    return CachedGraph(
        {
            "build_id": graph.build,
            "nodes": list({**before.nodes, **graph.nodes}.values()),
            "edges": list({**before.edges, **graph.edges}.values()),
        }
    )


def _folds(graph: CachedGraph, view: View, visible: list[str]) -> set[str]:
    """Types that are drawn as one: those that were asked for, then the largest until the rest can be drawn.

    A view that asks for nothing and is too large has all its types folded.
    """
    counts: dict[str, int] = {}
    for address in visible:
        kind = graph.nodes[address]["type"]
        counts[kind] = counts.get(kind, 0) + 1
    if view.collapse == "auto":
        return set(counts) if len(visible) > MOST_OPEN else set()
    asked = set(view.collapse.split(",")) if view.collapse != "none" else set()
    folded = asked & set(counts)
    open_types = sorted(set(counts) - folded, key=lambda kind: (-counts[kind], kind))
    drawn = sum(counts[kind] for kind in open_types)
    for kind in open_types:
        if drawn <= MOST_OPEN:
            break
        folded.add(kind)
        drawn -= counts[kind]
    return folded


def _edges(graph: CachedGraph, name: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Drawn (consumer, producer) → how many edges it stands for. Edges inside a folded type are not drawn."""
    counts: dict[tuple[str, str], int] = {}
    for source, target in graph.edges:
        ends = (name.get(source, ""), name.get(target, ""))
        if ends[0] and ends[1] and ends[0] != ends[1]:
            counts[ends] = counts.get(ends, 0) + 1
    return counts


def _node(
    graph: CachedGraph,
    shown: str,
    inside: list[str],
    marks: Mapping[str, str],
    actions: JsonMapping,
    view: View,
) -> JsonObject:
    node = graph.nodes[inside[0]]
    drawn: JsonObject = {"id": shown, "type": node["type"]}
    if shown.startswith(GROUP):
        statuses = [graph.nodes[address]["status"] for address in inside]
        drawn |= {"group": True, "count": len(inside), "status": _worst(statuses), "name": node["type"]}
        marked = sorted({marks[a] for a in inside if a in marks})
        return drawn | ({"mark": "changed" if len(marked) > 1 else marked[0]} if marked else {})
    drawn |= {"name": node["nickname"], "status": node["status"]}
    if shown in marks:
        drawn["mark"] = marks[shown]
    if shown in actions:
        drawn["action"] = actions[shown]["action"]
        drawn["unknown"] = len(actions[shown].get("unknown_inputs", ()))
    if shown == view.focus:
        drawn["focus"] = True
    if view.q and view.q.casefold() not in shown.casefold():
        drawn["dim"] = True
    return drawn


WORST_FIRST: Final = (
    "failed", "invalid", "drifted", "stale", "absent", "removed", "orphan", "external", "current",
)  # fmt: skip


def _worst(statuses: list[str]) -> str:
    """Return the worst of the statuses."""
    return min(statuses, key=lambda s: WORST_FIRST.index(s) if s in WORST_FIRST else len(WORST_FIRST))
