"""The graph's structure: dependencies and dependents, order, cycles.

networkx is known here and nowhere else. It does what happens rarely (strong components, shortest paths);
walks that every build and every impact makes run on plain adjacency lists, which are 3 to 5 times as fast.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from karma_core.errors import NotFound, ValidationFailed
from karma_core.ids import shown
from karma_core.model import GraphData, Kind

if TYPE_CHECKING:
    import networkx as nx

MAX_CYCLES: Final = 100
"""Cycles listed of one knot. Ours: more than anybody reads, few enough to find at once."""
MAX_STEPS: Final = 2_000_000
"""Edges looked at per knot while listing its cycles; about a second."""


class Knot(Struct, frozen=True):
    """Components that all depend on each other, and cycles that cover the edges between them.

    A cycle lists each address once, consumer before producer, its smallest address first. `complete` is
    False where the bounds above ended the list before every edge was covered.
    """

    members: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]
    complete: bool


class Graph:
    """Producers and consumers of every component. Built in O(V+E); never changes.

    Sets of addresses are returned as sets, sequences are sorted or ordered. An address that is not in the
    graph is NotFound; an order that cannot exist, because of a cycle, is ValidationFailed.
    """

    def __init__(self, data: GraphData) -> None:
        self._producers: dict[str, list[str]] = {node.address: [] for node in data.nodes}
        self._consumers: dict[str, list[str]] = {node.address: [] for node in data.nodes}
        emits = False
        for edge in data.edges:
            consumer, producer = edge.source, edge.target
            if edge.kind == Kind.CONSUMES:
                continue  # beside each of these stands a DEPENDS_ON
            if edge.kind == Kind.EMITS:
                consumer, producer = producer, consumer  # who writes a runtime is its producer
                emits = True
            if consumer in self._producers and producer in self._producers:
                self._producers[consumer].append(producer)
                self._consumers[producer].append(consumer)
        if emits:
            for neighbours in (self._producers, self._consumers):
                neighbours.update(
                    {address: sorted(set(adjacent)) for address, adjacent in neighbours.items()}
                )

    def __len__(self) -> int:
        return len(self._producers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._producers)

    def __contains__(self, address: object) -> bool:
        return address in self._producers

    def producers(self, address: str) -> tuple[str, ...]:
        """Return the component's direct dependencies, sorted."""
        return tuple(self._at(self._producers, address))

    def consumers(self, address: str) -> tuple[str, ...]:
        """Return the component's direct dependents, sorted."""
        return tuple(self._at(self._consumers, address))

    def cone(self, *addresses: str) -> set[str]:
        """The components and everything that transitively depends on them. O(edges of the cone)."""
        return self._reach(self._consumers, addresses)

    def upstream(self, *addresses: str) -> set[str]:
        """The components and everything that they transitively depend on."""
        return self._reach(self._producers, addresses)

    def order(self, subset: Iterable[str] | None = None) -> list[str]:
        """Producers before consumers, the smallest address first wherever there is a choice.

        Two members of a subset keep their order even where the path between them leaves the subset.
        """
        wanted, members = self._between(subset)
        missing = self._missing(members)
        ready = [address for address, count in missing.items() if not count]
        heapq.heapify(ready)
        ordered = []
        while ready:
            address = heapq.heappop(ready)
            ordered.append(address)
            for consumer in self._release(address, missing):
                heapq.heappush(ready, consumer)
        self._refuse_cycle(len(ordered), members)
        return [address for address in ordered if address in wanted]

    def waves(self, subset: Iterable[str] | None = None) -> list[list[str]]:
        """Groups that may run at once, producers' groups first, each sorted. O(V+E) of the subset."""
        wanted, members = self._between(subset)
        waves = [sorted(wanted.intersection(wave)) for wave in self._all_levels(members)]
        return [wave for wave in waves if wave]

    def cone_waves(self, address: str) -> list[list[str]]:
        """`waves` of the component's cone, which is closed: no path between members leaves it."""
        levels = self._all_levels(self.cone(address))
        for level in levels:
            level.sort()
        return levels

    def heights(self, subset: Iterable[str] | None = None) -> dict[str, int]:
        """Members on the longest path from each component to its last consumer, itself included.

        Starting the highest first keeps a deploy as short as its longest chain allows (list scheduling by
        critical path: Graham 1969, Hu 1961).
        """
        wanted, members = self._between(subset)
        heights: dict[str, int] = {}
        for level in reversed(self._all_levels(members)):
            for address in level:
                below = max((heights.get(c, 0) for c in self._consumers[address]), default=0)
                heights[address] = below + (address in wanted)
        return {address: heights[address] for address in sorted(wanted)}

    def path(self, source: str, target: str) -> list[str]:
        """A shortest path along dependencies from a consumer to a producer; empty if there is none."""
        for address in (source, target):
            self._at(self._producers, address)
        import networkx as nx  # noqa: PLC0415 - 0.3 s of import, for what few commands do

        try:
            return list(nx.shortest_path(self._digraph, source, target))
        except nx.NetworkXNoPath:
            return []

    def acyclic(self) -> bool:
        """Whether an order exists. O(V+E)."""
        return sum(map(len, self._levels(self._producers.keys()))) == len(self)

    def knots(self) -> list[Knot]:
        """Every strongly connected component that has a cycle, by smallest member.

        O(V+E), and for a knot that is more than one ring, the bounded listing of its cycles.
        """
        if self.acyclic():
            return []
        import networkx as nx  # noqa: PLC0415 - 0.3 s of import, for what few commands do

        strong = nx.strongly_connected_components(self._digraph)
        tied = [
            members for members in strong if len(members) > 1 or self._digraph.has_edge(*(2 * list(members)))
        ]
        return sorted((self._knot(members) for members in tied), key=lambda knot: knot.members)

    def cycles(self) -> list[tuple[str, ...]]:
        """The cycles of all knots."""
        return [cycle for knot in self.knots() for cycle in knot.cycles]

    # -- inside ---------------------------------------------------------------------------------------

    @cached_property
    def _digraph(self) -> nx.DiGraph[str]:
        """The same graph for networkx, consumer → producer."""
        import networkx as nx  # noqa: PLC0415 - 0.3 s of import, for what few commands do

        return nx.DiGraph(self._producers)

    @staticmethod
    def _at(neighbours: Mapping[str, list[str]], address: str) -> list[str]:
        try:
            return neighbours[address]
        except KeyError:
            raise NotFound(
                f"there is no component {shown(address)!r} in the graph",
                next_step="`karma graph show` lists those that are; build the graph if it is new",
                component=shown(address),
            ) from None

    def _reach(self, neighbours: Mapping[str, list[str]], addresses: Iterable[str]) -> set[str]:
        seen = set(addresses)
        waiting = list(seen)
        for address in waiting:
            self._at(neighbours, address)
        while waiting:
            for address in neighbours[waiting.pop()]:
                if address not in seen:
                    seen.add(address)
                    waiting.append(address)
        return seen

    def _between(self, subset: Iterable[str] | None) -> tuple[set[str], set[str]]:
        """(the subset, the subset and everything on a path between two of its members)."""
        if subset is None:
            everything = set(self._producers)
            return everything, everything
        wanted = set(subset)
        return wanted, self.cone(*wanted) & self.upstream(*wanted)

    def _missing(self, members: Iterable[str]) -> dict[str, int]:
        """Count, for each member, the producers among the members that it waits for."""
        counts = dict.fromkeys(members, 0)
        for address in counts:
            for producer in self._producers[address]:
                if producer in counts:
                    counts[address] += 1
        return counts

    def _release(self, address: str, missing: dict[str, int]) -> list[str]:
        """Consumers that waited only for this one."""
        free = []
        for consumer in self._consumers[address]:
            if consumer in missing:
                missing[consumer] -= 1
                if not missing[consumer]:
                    free.append(consumer)
        return free

    def _levels(self, members: Iterable[str]) -> list[list[str]]:
        """Members by the longest path that leads to them; those in or behind a cycle are left out."""
        missing = self._missing(members)
        level = [address for address, count in missing.items() if not count]
        levels = []
        while level:
            levels.append(level)
            level = [free for address in level for free in self._release(address, missing)]
        return levels

    def _all_levels(self, members: set[str]) -> list[list[str]]:
        levels = self._levels(members)
        self._refuse_cycle(sum(map(len, levels)), members)
        return levels

    @staticmethod
    def _refuse_cycle(ordered: int, members: set[str]) -> None:
        if ordered < len(members):
            raise ValidationFailed(
                "these components have no order",
                why="some of them depend on each other in a cycle",
                next_step="`karma graph validate` names every cycle with the fields that form it",
                code="cycle",
            )

    def _knot(self, members: set[str]) -> Knot:
        inside = {
            address: [p for p in self._producers[address] if p in members] for address in sorted(members)
        }
        cycles: list[tuple[str, ...]] = []
        covered: set[tuple[str, str]] = set()
        steps = 0
        for consumer, producers in inside.items():
            for producer in producers:
                if (consumer, producer) in covered:
                    continue
                if len(cycles) == MAX_CYCLES or steps > MAX_STEPS:
                    return Knot(tuple(inside), tuple(sorted(cycles)), complete=False)
                back, looked_at = _shortest(inside, producer, consumer)
                steps += looked_at
                cycle = _from_smallest([consumer, *back[:-1]])
                cycles.append(cycle)
                covered.update(zip(cycle, cycle[1:] + cycle[:1], strict=True))
        return Knot(tuple(inside), tuple(sorted(cycles)), complete=True)


def _shortest(inside: Mapping[str, list[str]], start: str, end: str) -> tuple[list[str], int]:
    """(a shortest path from start to end, both included; edges looked at). Breadth first.

    networkx has the same, but does not say what it cost, and the listing must end by cost.
    """
    came_from = {start: start}
    level, looked_at = [start], 0
    while end not in came_from:
        following = []
        for address in level:
            looked_at += len(inside[address])
            for producer in inside[address]:
                if producer not in came_from:
                    came_from[producer] = address
                    following.append(producer)
        level = following
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1], looked_at


def _from_smallest(cycle: list[str]) -> tuple[str, ...]:
    """The same cycle, begun at its smallest address."""
    at = cycle.index(min(cycle))
    return tuple(cycle[at:] + cycle[:at])
