"""Runtimes that modules write: their own, and those of other addresses, which may have no config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.graph.load import Inventory, Loaded
from karma_core.ids import Address, type_of
from karma_core.model import Edge, Finding, Kind, Severity
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
    """The edges from components to the other nodes whose runtimes they write, by component."""
    by_pair: dict[tuple[str, str], list[Emission]] = {}
    for emission in emissions:
        if emission.source == emission.target:
            continue
        by_pair.setdefault((emission.source, emission.target), []).append(emission)
    edges: dict[str, list[Edge]] = {}
    for (source, target), of_pair in by_pair.items():
        via = tuple(sorted({e.via for e in of_pair}))
        pointers = tuple(sorted({e.pointer for e in of_pair}))
        made = Edge(source=source, target=target, kind=Kind.EMITS, via=via, pointers=pointers)
        edges.setdefault(source, []).append(made)
    return edges


def self_written(emissions: Iterable[Emission]) -> frozenset[str]:
    """The components whose modules write their own runtimes."""
    return frozenset(e.source for e in emissions if e.source == e.target)


def check_writers(
    inventory: Inventory, emissions: Iterable[Emission], definitions: Mapping[str, TypeDefinition]
) -> Iterator[Finding]:
    """`runtime-writer`: a configured component whose runtime would have two writers.

    Where its type says `runtime: module`, Karma writes nothing, and whoever writes is the module's affair.
    """
    for emission in emissions:
        loaded = inventory.components[emission.target]
        said = definitions.get(loaded.type, EMPTY).runtime
        own = emission.source == emission.target
        if loaded.config is None or said == "module" or (own and said is None):
            continue
        what = (
            "its module writes its runtime, and component.yaml says that Karma does"
            if own
            else f"the module of {emission.source} writes its runtime, too"
        )
        yield Finding(
            code="runtime-writer",
            severity=Severity.ERROR,
            component=emission.target,
            pointer=emission.pointer if own else "",
            message=f"{what} ({emission.pointer}). Let one of them write it: take the parameter out of that "
            f"module, or say `runtime: module` in the component.yaml of {loaded.type}.",
        )
