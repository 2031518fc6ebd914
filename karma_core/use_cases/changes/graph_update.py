"""Update the stored graph after a process without Terraform queued a change."""

from __future__ import annotations

from typing import Final

from karma_core.errors import Conflict, LeaseHeld, StaleLease, StoreError
from karma_core.needs import GraphBuilding
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import UNKNOWN

WAIT_SECONDS: Final = 2.0
"""How long another builder is waited for. Ours: the caller waits, too, and what it asks for is kept."""


def update_graph(workspace: GraphBuilding) -> str:
    """Rebuild the stored graph from parameters, state and the stored module facts.

    Returns an empty text, or why a worker has to rebuild it; then the stored graph is unchanged.
    """
    try:
        result = build_graph(workspace, wait_seconds=WAIT_SECONDS)
    except (Conflict, LeaseHeld, StaleLease, StoreError) as error:
        return error.what
    if result.status != "invalid":
        return ""
    first = min(result.errors, key=lambda finding: finding.code != UNKNOWN)  # it explains others
    return first.said
