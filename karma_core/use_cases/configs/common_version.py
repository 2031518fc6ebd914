"""The last version of a config that Git and the parameter store had in common.

It is the newest kept version that came from Git, or that Git was seen to hold (`git_holds`). Where neither
is known, because the history was cut off, a version in it is damaged or the notes were lost, nothing is
guessed: the caller holds what both sides may have edited.
"""

from __future__ import annotations

from karma_core import strictjson
from karma_core.checksum import is_damaged
from karma_core.errors import BadInput
from karma_core.json_types import JsonValue
from karma_core.model import Record
from karma_core.needs import HasParameters
from karma_core.provenance import read_description
from karma_core.records import Parameter
from karma_core.three_way import ABSENT
from karma_core.use_cases.configs.git_holds import GitNotes


class Common(Record, frozen=True, kw_only=True):
    """The last common value; ABSENT where the config was in the store alone ever since it was created."""

    value: JsonValue


def common_version(workspace: HasParameters, address: str, notes: GitNotes) -> Common | None:
    """The last common version of a config, None where it is not known. One read of the history."""
    history = workspace.parameters.history(workspace.config_parameter(address))
    for version in reversed(history):
        if is_damaged(version):
            return None
        common = _common(address, version, notes)
        if common is not None:
            return common
    created_here = bool(history) and history[0].version == 1
    return Common(value=ABSENT) if created_here else None


def _common(address: str, version: Parameter, notes: GitNotes) -> Common | None:
    """What Git held of this version, None where that is not known."""
    provenance = read_description(version.description)
    if provenance is None or version.value is None:
        return None
    if provenance.change is None:
        return Common(value=_parsed(version.value))
    held = notes.of(address, version, provenance.change)
    if held is None:
        return None
    return Common(value=_parsed(version.value if held.git is None else held.git))


def _parsed(value: str) -> JsonValue:
    """The JSON value; of a text that is none, the text."""
    if not value:
        return ABSENT
    try:
        return strictjson.parse(value.encode(), where="a stored config")
    except BadInput:
        return value
