"""Keys that name a component by its nickname: `vpc_nickname: "core"` is `vpc/core`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final

from karma_core import ids
from karma_core.component_types import TypeFrom
from karma_core.json_types import JsonValue
from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference, Resolved, Subject, invalid_name
from karma_core.references.entries import pointer_to
from karma_core.runtime_references import LITERAL, RUNTIME

VIA: Final = "nickname"
_SUFFIXES = ("_nickname", "_nicknames")


class _TypeOfKey(dict[str | int, str | TypeFrom | None]):
    """Config key → component type that it names, or where that stands, or None; decided once a key.

    The type's own mapping comes first, then the suffix, with `_` in the key for `-` in the type.
    """

    def __init__(self, mapped: Mapping[str, str | TypeFrom | None]) -> None:
        super().__init__(mapped.items())
        self.mapped = mapped

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
            named = types[key]
            if named is not None and value is not None and value not in ("", []):
                references += _named(subject, named, key, value, path, guessed=key not in types.mapped)
        return references


def _named(
    subject: Subject,
    named: str | TypeFrom,
    key: str | int,
    value: JsonValue,
    path: str,
    *,
    guessed: bool,
) -> Iterator[Resolved]:
    """The components that a value names: one, or those of a list."""
    if isinstance(named, TypeFrom):
        beside = _type_beside(subject, named.type_from, path)
        if beside is None:
            why = f"the type of what it names should stand beside it, under {named.type_from}"
            yield invalid_name(subject, path, key, why)
            return
        named = beside
    if not isinstance(value, list):
        yield _reference(subject, named, value, path, key, guessed=guessed)
        return
    below = pointer_to(path, key)
    for index, item in enumerate(value):
        if item is not None and item != "":
            yield _reference(subject, named, item, below, index, guessed=guessed)


def _type_beside(subject: Subject, field: str, path: str) -> str | None:
    """The type that stands under a key of the same object; None where none stands there."""
    beside = next((value for key, value, at in subject.entries if at == path and key == field), None)
    return beside if isinstance(beside, str) and ids.TYPE.match(beside) else None


def _reference(
    subject: Subject, component_type: str, value: object, path: str, key: str | int, *, guessed: bool
) -> Resolved:
    if isinstance(value, dict) and RUNTIME in value:
        return _named_by_runtime(subject, component_type, path, key)
    if isinstance(value, dict) and value.keys() == {LITERAL}:
        value = value[LITERAL]
    if isinstance(value, str) and ids.NICKNAME.match(value):
        target = f"{component_type}/{value}"
        return Reference(subject.address, target, VIA, pointer_to(path, key), guessed=guessed)
    what = repr(ids.shown(value)) if isinstance(value, str) else f"a {type(value).__name__}"
    return invalid_name(
        subject, path, key, f"{what} is not a nickname of a {component_type}; write the nickname as a string"
    )


def _named_by_runtime(subject: Subject, component_type: str, path: str, key: str | int) -> Finding:
    """On a nickname that is taken from a runtime: which component it names is known only after an apply."""
    return Finding(
        code="unresolved-reference",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=pointer_to(path, key),
        message=f"the nickname of a {component_type} is taken from a runtime, so that Karma cannot see which "
        "component it names. If it depends on that component, declare it in depends_on.",
    )
