"""The two errors with which every graph store refuses a commit."""

from __future__ import annotations

from karma_core.errors import Conflict, StaleLease
from karma_core.model import Build


def moved_base(build: Build, current: Build | None) -> Conflict | None:
    """Return the error for a build that was not made from the current one, or None if it was."""
    current_id = current.id if current else None
    if build.base == current_id and build.id > (current_id or 0):
        return None
    return Conflict(
        f"build {build.id} of {build.environment} cannot become current",
        why=f"it was made from build {build.base}, and the current one is {current_id}",
        next_step="build again from the current graph",
        environment=build.environment,
        base=build.base,
        current=current_id,
    )


def stale_lease(environment: str, token: int, newest: int) -> StaleLease:
    """The refusal of a writer whose token is below the newest that the graph has seen."""
    return StaleLease(
        f"the graph of {environment} was not written",
        why=f"another holder has written with a newer lease than token {token}",
        next_step="run the command again",
        environment=environment,
        token=token,
        newest=newest,
    )
