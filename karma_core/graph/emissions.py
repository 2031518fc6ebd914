"""Runtimes that a module writes for further addresses: nodes without a config, and the edges to them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from karma_core.graph.load import Inventory, Loaded
from karma_core.ids import Address, type_of
from karma_core.model import Edge, Kind
from karma_core.references.base import Emission


def with_owned(inventory: Inventory, emissions: Iterable[Emission]) -> Inventory:
    """The inventory with every component whose runtime another one writes, deployed already or not."""
    new = {e.target for e in emissions} - inventory.components.keys()
    if not new:
        return inventory
    owned = {a: Loaded(address=a, type=type_of(a), nickname=Address.of(a).nickname) for a in new}
    components = dict(sorted({**inventory.components, **owned}.items()))
    return msgspec.structs.replace(inventory, components=components)


def emit(emissions: Iterable[Emission]) -> dict[str, list[Edge]]:
    """The edges from components to the nodes whose runtimes they write, by component."""
    by_pair: dict[tuple[str, str], list[Emission]] = {}
    for emission in emissions:
        by_pair.setdefault((emission.source, emission.target), []).append(emission)
    edges: dict[str, list[Edge]] = {}
    for (source, target), of_pair in by_pair.items():
        via = tuple(sorted({e.via for e in of_pair}))
        pointers = tuple(sorted({e.pointer for e in of_pair}))
        made = Edge(source=source, target=target, kind=Kind.EMITS, via=via, pointers=pointers)
        edges.setdefault(source, []).append(made)
    return edges
