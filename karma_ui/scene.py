"""What is drawn of a graph: which components, which of them folded into their type, where, and how marked."""

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
    whole: CachedGraph,
    view: View,
    *,
    before: CachedGraph | None = None,
    plan: JsonMapping | None = None,
) -> Scene:
    """The scene of a view. O(V+E) of the graph, and the layout of what is drawn."""
    marks = compare(before, whole) if before is not None else {}
    whole = _with_removed(whole, before) if before is not None else whole
    actions = {c["address"]: c for c in plan["components"]} if plan is not None else {}
    visible = choose(whole, view, actions)
    folded = _folds(whole, view, visible)
    name = {
        a: GROUP + whole.nodes[a]["type"] if whole.nodes[a]["type"] in folded and a != view.focus else a
        for a in visible
    }
    edges = _edges(whole, name)
    layout = layered(name.values(), edges)
    members: dict[str, list[str]] = {}
    for address, shown in name.items():
        members.setdefault(shown, []).append(address)
    nodes = [_node(whole, shown, inside, marks, actions, view) for shown, inside in sorted(members.items())]
    for node in nodes:
        node["x"], node["y"] = layout.places[node["id"]]
    drawn = [
        {"source": pair[0], "target": pair[1], "count": count, "way": layout.ways.get(pair, [])}
        for pair, count in sorted(edges.items())
    ]
    return Scene(
        build=whole.build, nodes=nodes, edges=drawn, folded=tuple(sorted(folded)), shown=len(visible)
    )


def choose(whole: CachedGraph, view: View, actions: JsonMapping) -> list[str]:
    """Addresses that the view shows, sorted."""
    wanted = set(whole.nodes)
    if view.focus in wanted:
        wanted = whole.reach(view.focus, view.steps_down, consumers=True)
        wanted |= whole.reach(view.focus, view.steps_up, consumers=False)
    elif actions:
        wanted = {address for address in actions if address in whole.nodes}
        wanted |= {producer for address in wanted for producer in whole.producers[address]}
    found = []
    for address in sorted(wanted):
        node = whole.nodes[address]
        right = not view.type or node["type"] in view.type
        if address == view.focus or (right and (not view.status or node["status"] in view.status)):
            found.append(address)
    return found


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


def _with_removed(whole: CachedGraph, before: CachedGraph) -> CachedGraph:
    """The graph with what an earlier build had beside."""
    return CachedGraph(
        {
            "build_id": whole.build,
            "nodes": list({**before.nodes, **whole.nodes}.values()),
            "edges": list({**before.edges, **whole.edges}.values()),
        }
    )


def _folds(whole: CachedGraph, view: View, visible: list[str]) -> set[str]:
    """Types that are drawn as one: those that were asked for, then the largest until the rest can be drawn.

    A view that asks for nothing and is too large has all its types folded.
    """
    counts: dict[str, int] = {}
    for address in visible:
        kind = whole.nodes[address]["type"]
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


def _edges(whole: CachedGraph, name: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Drawn (consumer, producer) → how many edges it stands for. Edges inside a folded type are not drawn."""
    counts: dict[tuple[str, str], int] = {}
    for source, target in whole.edges:
        ends = (name.get(source, ""), name.get(target, ""))
        if ends[0] and ends[1] and ends[0] != ends[1]:
            counts[ends] = counts.get(ends, 0) + 1
    return counts


def _node(
    whole: CachedGraph,
    shown: str,
    inside: list[str],
    marks: Mapping[str, str],
    actions: JsonMapping,
    view: View,
) -> JsonObject:
    node = whole.nodes[inside[0]]
    found: JsonObject = {"id": shown, "type": node["type"]}
    if shown.startswith(GROUP):
        statuses = [whole.nodes[address]["status"] for address in inside]
        found |= {"group": True, "count": len(inside), "status": _worst(statuses), "name": node["type"]}
        marked = sorted({marks[a] for a in inside if a in marks})
        return found | ({"mark": "changed" if len(marked) > 1 else marked[0]} if marked else {})
    found |= {"name": node["nickname"], "status": node["status"]}
    if shown in marks:
        found["mark"] = marks[shown]
    if shown in actions:
        found["action"] = actions[shown]["action"]
        found["unknown"] = len(actions[shown].get("unknown_inputs", ()))
    if shown == view.focus:
        found["focus"] = True
    if view.q and view.q.casefold() not in shown.casefold():
        found["dim"] = True
    return found


WORST_FIRST: Final = (
    "failed", "invalid", "drifted", "stale", "absent", "removed", "orphan", "external", "current",
)  # fmt: skip


def _worst(statuses: list[str]) -> str:
    """The status that most needs somebody's eye."""
    return min(statuses, key=lambda s: WORST_FIRST.index(s) if s in WORST_FIRST else len(WORST_FIRST))
