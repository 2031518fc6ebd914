"""The blast radius of one component."""

from __future__ import annotations

from karma_core.graph.graph import Graph
from karma_core.json_types import JsonObject


def impact(graph: Graph, address: str) -> JsonObject:
    """Return `{"component", "downstream", "waves"}`: what a change of the component reaches, in order.

    `downstream` is sorted and without the component; `waves` partition the cone, the component alone in
    the first. O(edges of the cone).
    """
    waves = graph.cone_waves(address)
    downstream = sorted(reached for wave in waves[1:] for reached in wave)
    return {"component": address, "downstream": downstream, "waves": waves}
