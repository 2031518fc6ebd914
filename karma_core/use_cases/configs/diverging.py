"""The finding about a config that Git and a change edited at the same places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from karma_core.counting import counted, listed
from karma_core.errors import Refused
from karma_core.events import log_event
from karma_core.ids import shown
from karma_core.model import Finding, Severity
from karma_core.needs import HasLog
from karma_core.outcomes import Phase
from karma_core.three_way import ABSENT
from karma_core.use_cases.configs.differing import Diverged, Take

DIVERGED: Final = "diverged"


def diverged_finding(diverged: Diverged) -> Finding:
    """What both sides edited, and how to say which of them wins."""
    return Finding(
        code=DIVERGED,
        severity=Severity.ERROR,
        component=diverged.address,
        pointer=diverged.overlaps[0].pointer if diverged.overlaps else "",
        message=f"{_what(diverged)}; {_way_out(diverged)}",
    )


def _way_out(diverged: Diverged) -> str:
    if diverged.published_from:
        return (
            f"it is held: bring the work tree up to date, or take it back by `--take-git {diverged.address}`"
        )
    return (
        "it is held until somebody says which side wins: see `karma config diff`,"
        f" then `--take-git {diverged.address}` or `--take-store {diverged.address}`"
    )


def _what(diverged: Diverged) -> str:
    if diverged.published_from:
        return f"the work tree is older than what is published: that is of {diverged.published_from[:12]}"
    if diverged.value is None:
        return "it left Git, and a change edited it since Git last had it"
    if diverged.stored is None:
        return "a change removed it, and Git edited it since"
    places = [shown(overlap.pointer) for overlap in diverged.overlaps]
    if places == [""] and diverged.overlaps[0].base is ABSENT:
        return "Git and a change edited it, and what they last had in common is not known"
    if not places:
        return "Git and a change edited it, and it is not merged: it is a secret, or would be too large"
    count = counted(len(places), "place", "places")
    return f"Git and a change both edited {count} ({listed(places)})"


def left_out(held: Sequence[Diverged]) -> str:
    """What the reason of a change says of the configs that it leaves out."""
    return f" (without what diverged: {listed([one.address for one in held])})" if held else ""


def log_taken(workspace: HasLog, take: Take | None) -> None:
    """Somebody said which side wins: that stands in the log, with who it was."""
    if take is not None and take.addresses:
        sides = {"git": sorted(take.git), "store": sorted(take.store)}
        inputs = {side: addresses for side, addresses in sides.items() if addresses}
        log_event(workspace, "config_take", Phase.SUCCEEDED, inputs=inputs)


def refuse_diverged(diverged: tuple[Diverged, ...]) -> Refused:
    """The error where nothing but diverged configs was asked for."""
    first = diverged_finding(diverged[0])
    return Refused(
        f"{counted(len(diverged), 'config has', 'configs have')} diverged from Git",
        why=first.said,
        next_step="say which side wins: `karma config publish` or `karma config pull` with `--take-git` or "
        "`--take-store`",
        code=DIVERGED,
        addresses=[config.address for config in diverged],
    )
