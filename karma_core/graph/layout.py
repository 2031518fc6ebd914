"""Where a graph's components stand in a picture: layers from left to right, producers before consumers.

The method is that of Sugiyama, Tagawa and Toda (1981) without its dummy nodes: layers by longest path, a few
barycentre sweeps against crossings. Distances are in pixels at scale 1; y grows downwards.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

COLUMN: Final = 250.0
"""From one column to the next: a node is 180 wide, and the rest shows the edges."""
ROW: Final = 58.0
"""From one row to the next: a node is 40 high."""
MOST_ROWS: Final = 40
"""Rows of a layer before it goes on in a further column, so that wide layers stay readable."""
SWEEPS: Final = 4
"""Barycentre sweeps. Ours: more change little on fleets of 1,000."""

Neighbours = Mapping[str, Sequence[str]]
Places = dict[str, tuple[float, float]]


def layered(addresses: Iterable[str], edges: Iterable[tuple[str, str]]) -> Places:
    """Address → (x, y) for a graph of (consumer, producer) pairs; pairs of others are left out.

    Components without any edge stand in a block below. Cycles are allowed: each is entered at its smallest
    address. The same graph gives the same picture. O(V log V + E).
    """
    producers: dict[str, list[str]] = {address: [] for address in sorted(addresses)}
    consumers: dict[str, list[str]] = {address: [] for address in producers}
    for consumer, producer in sorted(set(edges)):
        if consumer in producers and producer in producers and consumer != producer:
            producers[consumer].append(producer)
            consumers[producer].append(consumer)
    alone = [address for address in producers if not producers[address] and not consumers[address]]
    joined = [address for address in producers if producers[address] or consumers[address]]
    layers = _untangled(_layers(joined, producers, consumers), producers, consumers)
    places = _columns(layers)
    return places | _block(alone, below=max((y for _, y in places.values()), default=-2 * ROW))


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
    """The same layers, each ordered by where its neighbours stand, forwards and backwards in turn."""
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


def _columns(layers: list[list[str]]) -> Places:
    """Layers as columns around one middle line, long ones in several columns."""
    places: Places = {}
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


def _block(alone: list[str], *, below: float) -> Places:
    """Rows of what depends on nothing and nobody depends on, as wide as they are high."""
    wide = max(4, round((len(alone) * ROW / COLUMN) ** 0.5 * 1.5))
    return {
        address: (place % wide * COLUMN, below + (2 + place // wide) * ROW)
        for place, address in enumerate(alone)
    }
