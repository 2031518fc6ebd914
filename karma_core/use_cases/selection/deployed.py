"""The deployed components that a selection means, in the order in which a destroy takes them."""

from __future__ import annotations

from collections.abc import Mapping

from karma_core import ids
from karma_core.errors import NotFound, Refused
from karma_core.graph.graph import Graph
from karma_core.ids import Address, type_of
from karma_core.model import Component, Edge, GraphData, Status
from karma_core.needs import Context, HasState
from karma_core.records import Applied
from karma_core.use_cases.selection.naming import excluded, is_pattern, named, require_some_left
from karma_core.use_cases.selection.record import Selection, require_selection


def applied_graph(workspace: Context, applied: Mapping[str, Applied]) -> Graph:
    """The graph of what is deployed, by the edges that were applied: the config may be gone."""
    nodes = [
        Component(
            address=address,
            type=type_of(address),
            nickname=Address.of(address).nickname,
            environment=workspace.name,
            status=Status.CURRENT,
            runtime_path=workspace.runtime_parameter(address),
        )
        for address in sorted(applied)
    ]
    edges = [
        Edge(source=address, target=producer)
        for address, record in sorted(applied.items())
        for producer in record.edges
        if producer in applied
    ]
    return Graph(GraphData(nodes=tuple(nodes), edges=tuple(edges)))


def select_for_destroy(workspace: HasState, selection: Selection) -> list[str]:
    """Return the addresses that a destroy would destroy, consumers first.

    NotFound where nothing is deployed at the address; Refused `consumers-live` where others consume it.
    """
    require_selection(selection)
    applied = workspace.state.all_applied()
    chosen = set(applied) if selection.everything else named_deployed(workspace, selection, applied)
    left_out = excluded(selection, applied, environment=workspace.name, which="that is deployed")
    require_some_left(selection, chosen, left_out)
    chosen -= left_out
    graph = applied_graph(workspace, applied)
    refuse_cycles(graph, chosen)
    for address in sorted(chosen):
        live = sorted(set(graph.consumers(address)) - chosen)
        if live:
            raise Refused(
                f"{address} cannot be destroyed",
                why=f"{', '.join(live)} consume it and are deployed",
                next_step="destroy those first, or deploy them without it",
                code="consumers-live",
                component=address,
                consumers=live,
            )
    return [address for address in reversed(graph.order()) if address in chosen]


def named_deployed(workspace: Context, selection: Selection, applied: Mapping[str, Applied]) -> set[str]:
    """The deployed components that a selection names; NotFound for an address that is not deployed."""
    missing = [t for t in selection.targets if ":" not in t and not is_pattern(t) and t not in applied]
    if missing:
        ids.Address.parse(missing[0])
        raise NotFound(
            f"{missing[0]} is not deployed",
            why="Karma has no record of an apply of it in this environment",
            next_step="`karma graph show` lists deployed components",
            component=missing[0],
        )
    return named(selection, applied, environment=workspace.name, which="that is deployed")


def refuse_cycles(graph: Graph, chosen: set[str]) -> None:
    """Refused `order-conflict` where deployments consume each other in a cycle: none can go first."""
    for cycle in graph.cycles():
        if chosen & set(cycle):
            raise Refused(
                f"{cycle[0]} cannot be destroyed",
                why=f"what is deployed has no order: {' → '.join((*cycle, cycle[0]))}",
                next_step="deploy these components, so that their deployments are as their configs",
                code="order-conflict",
                component=cycle[0],
            )
