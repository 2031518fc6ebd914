"""The one interface of all ways to find a dependency, and what a way may know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.model import Finding, Severity
from karma_core.references.entries import Entry, pointer_to, values_at

Configs = Mapping[str, Mapping[str, dict[str, Any]]]
"""Component type → address → config, for every config that could be read."""


class Reference(msgspec.Struct, frozen=True, gc=False):
    """One place where the component `source` names the component `target`.

    `runtime` says that the place names the target's runtime, so that its reading is known; `keys` are the
    keys that are read there (None: the whole runtime). Untracked by the collector, as `model.Record` is.
    """

    source: str
    target: str
    via: str
    pointer: str
    runtime: bool = False
    keys: tuple[str, ...] | None = None


class Subject(msgspec.Struct, frozen=True):
    """The component whose references are looked for. `entries` is the one walk of its config."""

    address: str
    type: str
    config: dict[str, Any]
    entries: list[Entry]


Found = Reference | Finding


class Way(Protocol):
    """One way to find references, prepared for one build."""

    def find(self, subject: Subject) -> Iterable[Found]:
        """The references of one component, and findings where something looks like one but is none."""
        ...


class Context:
    """What ways may know of the environment: its prefix, its readable configs, its type definitions."""

    def __init__(
        self,
        *,
        prefix: str,
        environment: str,
        configs: Configs,
        definitions: Mapping[str, TypeDefinition],
    ) -> None:
        self.prefix = prefix
        self.environment = environment
        self._configs = configs
        self._definitions = definitions
        self._by_value: dict[tuple[str, str], dict[str, list[str]]] = {}

    def definition(self, component_type: str) -> TypeDefinition:
        """The type's definition; an empty one where the type has none."""
        return self._definitions.get(component_type, EMPTY)

    def named_by(self, component_type: str, field: str) -> Mapping[str, list[str]]:
        """Comparable value of `field` → addresses of that type that have it. O(components) once a field."""
        index = self._by_value.get((component_type, field))
        if index is None:
            index = {}
            for address, config in sorted(self._configs.get(component_type, {}).items()):
                names = {comparable(value) for value, _ in values_at(config, field)}
                for name in names - {None}:
                    index.setdefault(str(name), []).append(address)
            self._by_value[component_type, field] = index
        return index


def comparable(value: object) -> str | None:
    """A string as match rules compare it: case and one trailing dot ignored; None for anything else.

    DNS names are the common use, and RFC 1034 writes them absolute (with a dot) or not, in any case.
    """
    return value.lower().removesuffix(".") if isinstance(value, str) else None


def invalid_name(subject: Subject, path: str, key: str | int, message: str) -> Finding:
    """The finding for a place that should name a component and does not."""
    return Finding(
        code="invalid-name",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=pointer_to(path, key),
        message=message,
    )
