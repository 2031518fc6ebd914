"""Layout of a graph's picture: layers from left to right, producers before consumers.

The method is that of Sugiyama, Tagawa and Toda (1981): layers by longest path, lanes for edges that pass a
layer (one a producer, shared by all its far consumers), a few barycentre sweeps against crossings. Distances
are in pixels at scale 1; y grows downwards.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

COLUMN: Final = 206.0
"""From one column to the next: a node is 156 wide, and the rest shows the edges."""
ROW: Final = 66.0
"""From one row to the next: a node is 46 high."""
MOST_ROWS: Final = 60
"""Rows of a layer before it goes on in a further column, so that wide layers stay readable."""
MOST_WITH_LANES: Final = 300
"""Components up to which passing edges get lanes. Ours: above, edges are straight lines anyway."""
SWEEPS: Final = 4
"""Barycentre sweeps. Ours: more change little on fleets of 1,000."""

Point = tuple[float, float]
Pair = tuple[str, str]
Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Places of components, and the ways of edges between them.

    `places`: address → (x, y). `waypoints`: (consumer, producer) → the points that the edge passes, in
    order from the producer; edges between neighbouring layers, and all of large graphs, have none.
    """

    places: dict[str, Point]
    waypoints: dict[Pair, list[Point]]


def layered(addresses: Iterable[str], edges: Iterable[Pair]) -> Layout:
    """The layout of a graph of (consumer, producer) pairs; pairs of others are left out.

    Components without any edge stand in a block below. Cycles are allowed: each is entered at its smallest
    address. The same graph gives the same picture. O(V log V + E).
    """
    producers: dict[str, list[str]] = {address: [] for address in sorted(set(addresses))}
    consumers: dict[str, list[str]] = {address: [] for address in producers}
    for consumer, producer in sorted(set(edges)):
        if consumer in producers and producer in producers and consumer != producer:
            producers[consumer].append(producer)
            consumers[producer].append(consumer)
    alone = [address for address in producers if not producers[address] and not consumers[address]]
    joined = [address for address in producers if producers[address] or consumers[address]]
    layers = _layers(joined, producers, consumers)
    lanes: dict[Pair, list[str]] = {}
    if len(joined) <= MOST_WITH_LANES:
        lanes = _add_lanes(layers, producers, consumers)
    places = _columns(_untangled(layers, producers, consumers))
    waypoints = {pair: [places[lane] for lane in names] for pair, names in lanes.items()}
    places |= _block(alone, below=max((y for _, y in places.values()), default=-2 * ROW))
    return Layout(places={a: places[a] for a in sorted({*joined, *alone})}, waypoints=waypoints)


def _add_lanes(
    layers: list[list[str]], producers: dict[str, list[str]], consumers: dict[str, list[str]]
) -> dict[Pair, list[str]]:
    """(consumer, producer) → the lanes that their edge takes, which now stand in the layers between them.

    A lane is to its neighbours what a component is; its name has a space, which no address has.
    """
    level = {address: number for number, layer in enumerate(layers) for address in layer}
    taken: dict[Pair, list[str]] = {}
    for producer in list(level):
        beside = consumers[producer]
        far = [c for c in beside if level[c] > level[producer] + 1]
        last, lanes = producer, []
        for number in range(level[producer] + 1, max((level[c] for c in far), default=0)):
            lane = f"{producer} {number}"
            producers[lane], consumers[lane] = [last], []
            consumers[last] = [*consumers[last], lane]
            layers[number].append(lane)
            lanes.append(lane)
            last = lane
            for consumer in (c for c in far if level[c] == number + 1):
                consumers[lane].append(consumer)
                producers[consumer] = [lane if p == producer else p for p in producers[consumer]]
                taken[consumer, producer] = list(lanes)
        consumers[producer] = [c for c in consumers[producer] if c not in far]
    return taken


def _layers(joined: list[str], producers: Neighbours, consumers: Neighbours) -> list[list[str]]:
    """Each component behind all its producers; those of a cycle behind the ones that came before them."""
    missing = {address: len(producers[address]) for address in joined}
    level = dict.fromkeys(joined, 0)
    ready = [address for address in joined if not missing[address]]
    placed: set[str] = set()
    rest = iter(joined)
    while True:
        address = heapq.heappop(ready) if ready else next((a for a in rest if a not in placed), None)
        if address is None:
            break
        if address in placed:
            continue
        placed.add(address)
        for consumer in consumers[address]:
            if consumer not in placed:
                level[consumer] = max(level[consumer], level[address] + 1)
                missing[consumer] -= 1
                if not missing[consumer]:
                    heapq.heappush(ready, consumer)
    layers: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for address in joined:
        layers[level[address]].append(address)
    return layers


def _untangled(layers: list[list[str]], producers: Neighbours, consumers: Neighbours) -> list[list[str]]:
    """Reorder each layer by the positions of its neighbours, sweeping forwards and backwards in turn."""
    height = {a: _height(row, len(layer)) for layer in layers for row, a in enumerate(layer)}
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        centre = _barycentre(height, producers if forwards else consumers)
        for layer in layers if forwards else layers[::-1]:
            layer.sort(key=centre)
            height.update((address, _height(row, len(layer))) for row, address in enumerate(layer))
    return layers


def _height(row: int, rows: int) -> float:
    return row - (rows - 1) / 2


def _barycentre(height: Mapping[str, float], neighbours: Neighbours) -> Callable[[str], float]:
    def centre(address: str) -> float:
        beside = neighbours[address]
        return sum(height[other] for other in beside) / len(beside) if beside else height[address]

    return centre


def _columns(layers: list[list[str]]) -> dict[str, Point]:
    """Layers as columns around one middle line, long ones in several columns."""
    places: dict[str, Point] = {}
    column = 0
    for layer in layers:
        parts = -(-len(layer) // MOST_ROWS)
        rows = -(-len(layer) // parts)
        for start in range(0, len(layer), rows):
            part = layer[start : start + rows]
            for row, address in enumerate(part):
                places[address] = (column * COLUMN, _height(row, len(part)) * ROW)
            column += 1
    return places


def _block(alone: list[str], *, below: float) -> dict[str, Point]:
    """Lay out isolated components in a square grid."""
    wide = max(4, round((len(alone) * ROW / COLUMN) ** 0.5 * 1.5))
    return {
        address: (place % wide * COLUMN, below + (2 + place // wide) * ROW)
        for place, address in enumerate(alone)
    }
