"""Keys that name a component by its nickname: `vpc_nickname: "core"` is `vpc/core`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from karma_core import ids
from karma_core.references.base import Context, Reference, Resolved, Subject, invalid_name
from karma_core.references.entries import pointer_to

VIA: Final = "nickname"
_SUFFIXES = ("_nickname", "_nicknames")


class _TypeOfKey(dict[str | int, str | None]):
    """Config key → component type that it names, or None; decided once a key.

    The type's own mapping comes first, then the suffix, with `_` in the key for `-` in the type.
    """

    def __init__(self, mapped: Mapping[str, str]) -> None:
        super().__init__(mapped.items())

    def __missing__(self, key: str | int) -> str | None:
        component_type = None
        if isinstance(key, str) and key.endswith(_SUFFIXES):
            stem = key.rpartition("_")[0].replace("_", "-")
            component_type = stem if ids.TYPE.match(stem) else None
        self[key] = component_type
        return component_type


class Nickname:
    """Finds nicknames at any depth, alone or in lists. null and the empty string name nothing."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._keys: dict[str, _TypeOfKey] = {}

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each nickname."""
        types = self._keys.get(subject.type)
        if types is None:
            definition = self._context.definition(subject.type)
            types = self._keys[subject.type] = _TypeOfKey(definition.references)
        references: list[Resolved] = []
        for key, value, path in subject.entries:
            component_type = types[key]
            if component_type is None:
                continue
            if value.__class__ is list:
                below = pointer_to(path, key)
                references += [
                    _reference(subject, component_type, item, below, index)
                    for index, item in enumerate(value)
                    if item is not None and item != ""
                ]
            elif value is not None and value != "":
                references.append(_reference(subject, component_type, value, path, key))
        return references


def _reference(subject: Subject, component_type: str, value: object, path: str, key: str | int) -> Resolved:
    if value.__class__ is str and ids.NICKNAME.match(value):
        return Reference(subject.address, f"{component_type}/{value}", VIA, pointer_to(path, key))
    what = repr(ids.shown(value)) if isinstance(value, str) else f"a {type(value).__name__}"
    return invalid_name(
        subject, path, key, f"{what} is not a nickname of a {component_type}; write the nickname as a string"
    )
