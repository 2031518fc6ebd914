"""The writes that bring a backup's parameters back, with their version numbers as far as a store gives them.

A store counts versions from 1 and keeps the newest 100. So what stands before the oldest kept version is
written with that one's value: pins, bases and applied records go on meaning the same versions.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from karma_core import ids
from karma_core.checksum import renewed
from karma_core.needs import HasParameters
from karma_core.records import Parameter, ParameterKind, ParameterWrite, Tier
from karma_core.use_cases.backup.examining import Copied
from karma_core.use_cases.backup.manifest import KeptParameter
from karma_core.use_cases.fleet import heights

_BATCH: Final = 200
"""Writes of one `put`. Ours: a store reads what it holds of them once."""


def put_back(workspace: HasParameters, copied: Copied) -> None:
    """Write all parameters; what is there under the prefix and was not backed up is deleted.

    A parameter that is there keeps its history, and gets the backed-up value as its next version where it has
    another. The binding stays, and so do SecureStrings whose values the backup does not have. What the
    parameters know of the state store is left for `heights.accept` to write.
    """
    there = {parameter.name for parameter in workspace.parameters.read_tree(workspace.prefix)}
    kept_names = {ids.binding_parameter(workspace.prefix), *copied.manifest.left_out}
    batch: list[ParameterWrite] = []
    for kept in copied.parameters():
        kept_names.add(kept.name)
        held = workspace.parameters.get(kept.name, decrypt=True) if kept.name in there else None
        if kept.name != heights.parameter_name(workspace.prefix):
            batch += writes(kept, held)
        if len(batch) >= _BATCH:
            workspace.parameters.put(batch)
            batch = []
    workspace.parameters.put(batch)
    workspace.parameters.delete(sorted(there - kept_names))


def writes(kept: KeptParameter, held: Parameter | None) -> list[ParameterWrite]:
    """The writes, oldest first: all versions where nothing is held, else the newest where it differs."""
    newest = kept.versions[-1]
    if held is not None:
        if held.value == newest.value and held.description in {
            newest.description,
            renewed(newest, held.version),
        }:
            return []
        following = replace(newest, description=renewed(newest, held.version + 1))
        return [_write(following, newest, tags=kept.tags)]
    known = [parameter for parameter in kept.versions if parameter.value is not None]
    earlier = [_write(_as_of(known, number), newest) for number in range(1, newest.version)]
    return [*earlier, _write(newest, newest, tags=kept.tags)]


def _as_of(known: list[Parameter], number: int) -> Parameter:
    """The version of that number, else the one that stood then, else the oldest known."""
    before = [parameter for parameter in known if parameter.version <= number]
    return before[-1] if before else known[0]


def _write(version: Parameter, newest: Parameter, tags: dict[str, str] | None = None) -> ParameterWrite:
    """SSM keeps a parameter's type for good, and never turns an advanced one back."""
    secure = newest.kind is ParameterKind.SECURE
    return ParameterWrite(
        name=version.name,
        value=version.value or "",
        kind=newest.kind if secure else version.kind,
        tier=Tier.ADVANCED if version.tier is Tier.ADVANCED else None,
        description=version.description,
        tags=tags or {},
    )
