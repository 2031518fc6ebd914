"""The graph as nested lists, for keyboards and screen readers: below a component, who depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from karma_core.json_types import JsonObject
from karma_ui.graph_cache import CachedGraph
from karma_ui.scene import choose
from karma_ui.view import View

MOST_LINES: Final = 1_000
"""Lines of a tree. Ours: a page that still opens at once."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the tree. `again`: its consumers stand where it came first."""

    node: JsonObject
    depth: int
    again: bool


def chosen(graph: CachedGraph, view: View) -> list[str]:
    """Addresses that a table or a tree shows: those of the picture whose address holds the search."""
    wanted = view.q.casefold()
    return [address for address in choose(graph, view, {}) if wanted in address.casefold()]


def branches(graph: CachedGraph, view: View) -> list[Line]:
    """The tree's lines: from the focus, else from everything that depends on nothing shown. Depth first."""
    members = set(chosen(graph, view))
    roots = [a for a in sorted(members) if not members.intersection(graph.producers[a])]
    if view.focus in graph.nodes:
        roots = [view.focus]
        members.add(view.focus)
    return list(_lines(graph, roots or sorted(members)[:1], members))


def _lines(graph: CachedGraph, roots: list[str], members: set[str]) -> Iterator[Line]:
    seen: set[str] = set()
    todo = [(0, root) for root in reversed(roots)]
    count = 0
    while todo and count < MOST_LINES:
        depth, address = todo.pop()
        again = address in seen
        seen.add(address)
        count += 1
        yield Line(node=graph.nodes[address], depth=depth, again=again)
        if not again:
            below = [a for a in graph.consumers[address] if a in members]
            todo += [(depth + 1, a) for a in sorted(below, reverse=True)]
