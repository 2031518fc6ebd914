"""Cache of graphs for the pages: each build is read from the API once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec

from karma_core import ids
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.model import Kind
from karma_ui.api import Api

MAX_GRAPHS: Final = 12
"""Graphs in memory. Ours: two environments, each with a handful of builds that somebody compares."""
MAX_RENDERINGS: Final = 32
"""Pictures kept of one graph."""
Value = TypeVar("Value")


class CachedGraph:
    """A graph as the API's documents, by address and by pair of addresses."""

    def __init__(self, document: JsonMapping) -> None:
        self.build: int = document["build_id"]
        self.nodes: dict[str, JsonObject] = {node["id"]: node for node in document["nodes"]}
        self.edges: dict[tuple[str, str], JsonObject] = {
            (edge["source"], edge["target"]): edge
            for edge in document["edges"]
            if edge["kind"] == Kind.DEPENDS_ON
        }
        self._made: dict[Hashable, Any] = {}

    @cached_property
    def producers(self) -> dict[str, list[str]]:
        """Address → its direct dependencies."""
        return self._beside(consumers=False)

    @cached_property
    def consumers(self) -> dict[str, list[str]]:
        """Address → its direct dependents."""
        return self._beside(consumers=True)

    @cached_property
    def types(self) -> dict[str, int]:
        """The number of components of each type, by name."""
        return _counted(node["type"] for node in self.nodes.values())

    @cached_property
    def statuses(self) -> dict[str, int]:
        """The number of components with each status."""
        return _counted(node["status"] for node in self.nodes.values())

    def remembered(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return a value derived from the graph alone, computed once: a page needs it, then its picture."""
        if key not in self._made:
            if len(self._made) >= MAX_RENDERINGS:
                self._made.clear()
            self._made[key] = make()
        made: Value = self._made[key]
        return made

    def reach(self, start: str, depth: int | None, *, consumers: bool) -> set[str]:
        """Return what is reached within `depth` steps (None: no limit), the start included."""
        beside = self.consumers if consumers else self.producers
        seen, level = {start}, [start]
        while level and depth != 0:
            level = [other for address in level for other in beside[address] if other not in seen]
            level = list(dict.fromkeys(level))
            seen.update(level)
            depth = depth - 1 if depth is not None else None
        return seen

    def search(self, text: str, most: int) -> tuple[list[JsonObject], int]:
        """(the first components whose address holds the text, how many there are)."""
        wanted = text.casefold()
        addresses = [address for address in self.nodes if wanted in address.casefold()]
        addresses.sort(
            key=lambda address: (not ids.Address.of(address).nickname.casefold().startswith(wanted), address)
        )
        return [self.nodes[address] for address in addresses[:most]], len(addresses)

    def _beside(self, *, consumers: bool) -> dict[str, list[str]]:
        neighbours: dict[str, list[str]] = {address: [] for address in self.nodes}
        for source, target in self.edges:
            if source in neighbours and target in neighbours:
                at, other = (target, source) if consumers else (source, target)
                neighbours[at].append(other)
        return neighbours


class GraphCache:
    """Graphs that were read, the one that was used longest ago forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[str, CachedGraph]] = OrderedDict()

    async def of(self, api: Api, environment: str, at: str = "") -> CachedGraph:
        """The graph of now or of a build. The API is asked each time, so that it says who may see it."""
        key = (environment, at)
        etag, kept = self._kept.get(key, ("", None))
        fresh, body = await api.fresh("/graph", etag, at=at)
        if body is not None or kept is None:
            kept = CachedGraph(msgspec.json.decode(body or b""))
        self._kept[key] = (fresh, kept)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_GRAPHS:
            self._kept.popitem(last=False)
        return kept


def _counted(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))
