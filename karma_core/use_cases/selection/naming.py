"""The existing components that the names and patterns of a selection mean."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final

from karma_core import ids
from karma_core.counting import listed
from karma_core.errors import NotFound, UsageError
from karma_core.ids import shown, type_of
from karma_core.use_cases.selection.record import Selection

_GLOB: Final = frozenset("*?[")


def is_pattern(text: str) -> bool:
    """Whether a target is a pattern (`*`, `?`, `[…]`) and not one address."""
    return bool(_GLOB & set(text))


def named(
    selection: Selection, known: Collection[str], *, environment: str, which: str = "in this environment"
) -> set[str]:
    """The addresses among `known` that a selection's targets and types name.

    UsageError `nothing-matches` for a pattern or a type that names none, NotFound for an address that is not
    there. `which` says of what is known what it is ("in this environment").
    """
    chosen: set[str] = set()
    for target in selection.targets:
        chosen |= _matching(local(target, environment), known, which)
    for component_type in selection.types:
        members = {a for a in known if type_of(a) == component_type}
        if not members:
            raise _nothing(f"no component of the type {shown(component_type)!r}", known, which)
        chosen |= members
    return chosen


def excluded(
    selection: Selection, known: Collection[str], *, environment: str, which: str = "in this environment"
) -> set[str]:
    """The addresses among `known` that a selection leaves out; errors as `named`."""
    left_out: set[str] = set()
    for pattern in selection.exclude:
        left_out |= _matching(local(pattern, environment), known, which)
    return left_out


def is_excluded(selection: Selection, address: str, *, environment: str) -> bool:
    """Whether a selection leaves out the component; UsageError for an exclusion of another environment."""
    return any(fnmatchcase(address, local(pattern, environment)) for pattern in selection.exclude)


def require_some_left(selection: Selection, chosen: Collection[str], left_out: Collection[str]) -> None:
    """UsageError `nothing-matches` where exclusions leave nothing of what was selected.

    What changed differs from day to day: there a standing exclusion may leave nothing.
    """
    if not selection.changed and chosen and not set(chosen) - set(left_out):
        raise UsageError(
            "the exclusions leave no component",
            why=f"{', '.join(map(shown, selection.exclude))} takes away all that was selected",
            next_step="exclude less, or select more",
            code="nothing-matches",
        )


def is_target(selection: Selection, address: str, *, environment: str) -> bool:
    """Whether a selection names the component itself, and does not just mean it as part of a cone."""
    if selection.everything or selection.changed:
        return True
    targets = (local(target, environment) for target in selection.targets)
    return type_of(address) in selection.types or any(fnmatchcase(address, t) for t in targets)


def local(target: str, environment: str) -> str:
    """A target without its environment, which must be this one: UsageError else."""
    other, colon, rest = target.partition(":")
    if not colon:
        return target
    if other != environment:
        raise UsageError(
            f"{shown(target)} is not in this environment",
            why=f"the run is one of {environment}",
            next_step=f"add --env {shown(other)}, and leave the environment out of the address",
        )
    return rest


def _matching(target: str, known: Collection[str], which: str) -> set[str]:
    if is_pattern(target):
        matches = {address for address in known if fnmatchcase(address, target)}
        if not matches:
            raise _nothing(f"no component that matches {shown(target)!r}", known, which)
        return matches
    if target not in known:
        ids.Address.parse(target)
        raise NotFound(
            f"there is no component {shown(target)!r} {which}",
            next_step="`karma graph show` lists those that are; `karma config publish` brings new configs in",
            component=shown(target),
        )
    return {target}


def _nothing(what: str, known: Collection[str], which: str) -> UsageError:
    return UsageError(
        f"there is {what} {which}",
        why=f"there are {listed(sorted(known))}" if known else "there are no components",
        next_step="correct the pattern; `karma graph show` lists all components",
        code="nothing-matches",
    )
