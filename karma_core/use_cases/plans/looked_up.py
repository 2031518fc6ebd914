"""What a plan foresees of things that a module looks up and others create: unknown until they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from karma_core.plan.document import PlannedComponent
from karma_core.plan.runtime import UNKNOWN
from karma_core.records import PlannedResource, PlannedRuntime
from karma_core.references.base import LookedUp

_PARAMETER: Final = "aws_ssm_parameter"
_VAULTED: Final = "aws_secretsmanager_secret"
_STILL: Final = frozenset({"no-op", "read"})


class Foreseen(NamedTuple):
    """Parameters that will hold something else, by name, and why the component cannot be planned yet."""

    parameters: dict[str, PlannedRuntime]
    waits: str = ""


def foreseen(looked_up: Sequence[LookedUp], planned: Mapping[str, PlannedComponent]) -> Foreseen:
    """What the plans of its producers say of the things that a module looks up.

    A parameter is unknown in the module's plan. Anything else would be planned as it is now: then the
    component waits, where that is not there yet, or will be replaced; a secret also where it changes.
    """
    parameters: dict[str, PlannedRuntime] = {}
    waits: list[str] = []
    for one in looked_up:
        producer = planned.get(one.producer)
        changes = _changes(one, producer.resources) if producer is not None else ()
        if one.resource == _PARAMETER and any(_names(change, one.name) for change in changes):
            parameters[one.name] = UNKNOWN
        elif one.resource != _PARAMETER and any(changes):
            waits.append(f"it looks up the {one.resource} {one.name} of {one.producer}, which will change")
    return Foreseen(parameters, "; ".join(dict.fromkeys(waits)))


def _changes(one: LookedUp, resources: Iterable[PlannedResource]) -> Iterator[PlannedResource]:
    """The planned resources that may be what is looked up and will be another."""
    kind = one.resource.removesuffix("s_by_path").removesuffix("_version")
    by_content = kind in (_PARAMETER, _VAULTED)
    for resource in resources:
        if resource.action in _STILL or not resource.type.startswith(kind):
            continue
        if by_content or resource.action != "update":
            yield resource


def _names(change: PlannedResource, name: str) -> bool:
    """Whether a parameter that changes has this name, as far as its name is known."""
    sides = [side for side in (change.before, change.after) if isinstance(side, dict)]
    names = {side.get("name") for side in sides}
    return name in names or None in names or not names
