"""Who acts, and how they have proven it."""

from __future__ import annotations

from karma_core.workspace import Actor, Workspace


def proven(workspace: Workspace) -> Actor:
    """Who acts, proven as far as the environment can."""
    return workspace.actor
