"""The record of a selection: components by name, by type, all, or those that changed."""

from __future__ import annotations

from karma_core.errors import UsageError
from karma_core.model import Record


class Selection(Record, frozen=True, kw_only=True):
    """A selection: targets and types with their cones, or all components, or those that changed.

    `targets` and `exclude` are addresses or patterns of them (`*`, `?`, `[…]`). `changed` alone means what
    differs from what was applied; with `since`, what changed in Git since that commit. `with_producers` adds
    all that the named or changed components need. What `exclude` names is left out, and nothing else for its
    sake.
    """

    targets: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    changed: bool = False
    since: str | None = None
    with_producers: bool = False


def require_selection(selection: Selection) -> None:
    """UsageError unless the selection uses exactly one kind of choice, with no contradicting option."""
    named = bool(selection.targets or selection.types)
    kinds = sum((named, selection.everything, selection.changed))
    if kinds != 1:
        raise UsageError(
            "say only one of: components, all of them, what changed"
            if kinds
            else "no component was selected",
            next_step="name components or types, or add --all or --changed (`everything`, `changed`)",
        )
    if selection.since is not None and not selection.changed:
        raise UsageError(
            "--since goes with --changed alone",
            why="it says since when something changed",
            next_step="leave it out",
        )
    if selection.with_producers and selection.everything:
        raise UsageError(
            "--with-producers does not go with --all",
            why="producers are components of the environment: --all includes them",
            next_step="leave --with-producers out",
        )
