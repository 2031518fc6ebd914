"""Reversed dependencies: configured and deployed ones together have no order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from karma_core.graph.graph import Graph
from karma_core.graph.load import Inventory
from karma_core.model import Edge, Finding, GraphData, Severity

CODE: Final = "order-conflict"


def check_orders(inventory: Inventory, data: GraphData, graph: Graph) -> Iterator[Finding]:
    """A warning for each cycle of wanted and deployed dependencies that the wanted ones alone do not have.

    An apply follows the wanted ones and is right all the same, a destroy the deployed ones; until both agree
    none of the members can be destroyed before the others were applied. O(V+E), and nothing where every
    deployed dependency is still wanted.
    """
    left = _deployed_only(inventory, graph)
    if not left or not graph.acyclic():
        return
    both = Graph(replace(data, edges=(*data.edges, *left)))
    for cycle in both.cycles():
        members = " → ".join((*cycle, cycle[0]))
        yield Finding(
            code=CODE,
            severity=Severity.WARNING,
            component=cycle[0],
            pointer="",
            message=f"the configs turn round what is deployed: {members}. Deploy all of them in one run, "
            f"before one of them is destroyed.",
        )


def _deployed_only(inventory: Inventory, graph: Graph) -> list[Edge]:
    """Dependencies that are deployed and not wanted any more, between components that exist."""
    edges = []
    for address, loaded in inventory.components.items():
        if loaded.applied is None or not loaded.applied.edges or address not in graph:
            continue
        wanted = set(graph.producers(address))
        edges += [
            Edge(source=address, target=producer)
            for producer in loaded.applied.edges
            if producer not in wanted and producer in graph
        ]
    return edges
