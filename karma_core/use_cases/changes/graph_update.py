"""The graph after a change was queued by a process that cannot plan it."""

from __future__ import annotations

from typing import Final

from karma_core.errors import Conflict, LeaseHeld, StaleLease, StoreError
from karma_core.needs import GraphBuilding
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import UNKNOWN

WAIT_SECONDS: Final = 2.0
"""How long another builder is waited for. Ours: the caller waits, too, and what it asks for is kept."""


def update_graph(workspace: GraphBuilding) -> str:
    """Make the stored graph what parameters and state say, by what is kept of the modules.

    Empty, or why it is left to a worker. Then the stored graph stays what it was.
    """
    try:
        result = build_graph(workspace, wait_seconds=WAIT_SECONDS)
    except (Conflict, LeaseHeld, StaleLease, StoreError) as error:
        return error.what
    if result.status != "invalid":
        return ""
    first = min(result.errors, key=lambda finding: finding.code != UNKNOWN)  # it explains others
    return first.said
