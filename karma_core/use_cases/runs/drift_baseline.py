"""What the first check after an apply saw: the baseline of attributes that the configuration does not set.

A resource's attribute that the configuration leaves to the provider may be written by another resource of the
same module (the routes of a route table, the rules of a security group), or settle only after the apply. Then
the cloud differs from the state right after an apply, and nobody has changed anything. So such attributes are
compared with what the first check after the apply saw. Attributes that the configuration sets, and resources
that are gone, are compared with the state from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.records import DriftedAttribute, DriftedResource

TAKEN: Final = "taken"
"""Key in a baseline: the id of the apply that it belongs to; a baseline without it has not been taken."""
MASK: Final = "(sensitive)"


def against_baseline(
    resources: Iterable[DriftedResource], baseline: Mapping[str, str], generation: int
) -> tuple[tuple[DriftedResource, ...], dict[str, str]]:
    """(the resources that differ from the baseline, the baseline from now on)."""
    seen = tuple(resources)
    known = dict(baseline) if baseline.get(TAKEN) == str(generation) else _taken(seen, generation)
    differing = (_differing(resource, known) for resource in seen)
    return tuple(one for one in differing if one is not None), known


def _taken(resources: Iterable[DriftedResource], generation: int) -> dict[str, str]:
    """A new baseline. A sensitive value does not enter: what is masked could not be told apart later."""
    places = {
        _place(resource, attribute): _digest(attribute)
        for resource in resources
        for attribute in resource.attributes
        if not attribute.configured and MASK not in repr(attribute.cloud)
    }
    return {TAKEN: str(generation), **places}


def _differing(resource: DriftedResource, known: Mapping[str, str]) -> DriftedResource | None:
    """The resource with the attributes that are not as the baseline has them; None where all are."""
    if resource.change != "changed":
        return resource
    left = tuple(
        attribute
        for attribute in resource.attributes
        if attribute.configured or known.get(_place(resource, attribute)) != _digest(attribute)
    )
    return replace(resource, attributes=left) if left else None


def _place(resource: DriftedResource, attribute: DriftedAttribute) -> str:
    return f"{resource.address}#{attribute.pointer}"


def _digest(attribute: DriftedAttribute) -> str:
    return strictjson.digest(attribute.cloud)
