"""Secret places of a config: keys that look secret, and what the type's schema or its module says is secret.

A module says so of a key by `sensitive = true` in the variable that has its value from that key.

A schema says so by `writeOnly: true` or `format: password`, at the place itself or in whatever applies to it:
`properties`, `patternProperties`, `additionalProperties`, `items`, `prefixItems`, `allOf`, `anyOf`, `oneOf`,
`if`, `then`, `else` and `$ref` to a part of the same schema. A branch that does not apply counts as well: a
place that may be secret is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from karma_core.ids import is_address
from karma_core.json_difference import Difference
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.masking.masker import MASK, leaves_of
from karma_core.masking.names import looks_secret

Schema = JsonMapping | bool | None
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONS: Final = ("if", "then", "else")
_REFERENCE: Final = "$runtime"
"""Key of an object that stands for a value of a runtime (`karma_core.runtime_references`)."""
_Place = tuple[JsonMapping, ...]
"""The schemas that apply to a place."""


class ConfigSecrets:
    """The secret places of the configs of one type; `schema` is its JSON Schema, if it has one.

    `sensitive` are top-level keys that are secret whatever the schema says.
    """

    def __init__(self, schema: Schema = None, sensitive: Iterable[str] = ()) -> None:
        self._root: JsonMapping = schema if isinstance(schema, Mapping) else {}
        self._marked: JsonObject = {"properties": {name: {"writeOnly": True} for name in sensitive}}

    def masked(self, config: JsonValue) -> JsonValue:
        """The config with MASK at every secret place; null, booleans and empty texts stay."""
        return self._masked(config, self._top())

    def values(self, config: JsonValue) -> Iterator[str]:
        """The texts and numbers at secret places."""
        yield from self._values(config, self._top())

    def masked_at(self, pointer: str, value: JsonValue) -> JsonValue:
        """A value that stands at a JSON pointer (RFC 6901) of a config, masked as there."""
        place = self._top()
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            place = self._below(place, key)
            if looks_secret(key) or _says_secret(place):
                return _hidden(value)
        return self._masked(value, place)

    def values_at(self, pointer: str, value: JsonValue) -> Iterator[str]:
        """The texts and numbers at secret places of a value that stands at a JSON pointer."""
        place = self._top()
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            place = self._below(place, key)
            if looks_secret(key) or _says_secret(place):
                yield from _secret_leaves(value)
                return
        yield from self._values(value, place)

    def masked_differences(self, differences: Iterable[Difference]) -> tuple[Difference, ...]:
        """The same places, with both values masked."""
        return tuple(
            replace(
                difference,
                before=self.masked_at(difference.pointer, difference.before),
                after=self.masked_at(difference.pointer, difference.after),
            )
            for difference in differences
        )

    def _top(self) -> _Place:
        """The schemas that apply to a config as a whole."""
        return self._applying([self._root, self._marked])

    def _masked(self, value: JsonValue, place: _Place) -> JsonValue:
        if _says_secret(place):
            return _hidden(value)
        if isinstance(value, dict):
            return {key: self._member(key, item, place) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item, self._below(place, str(at))) for at, item in enumerate(value)]
        return value

    def _member(self, key: str, value: JsonValue, place: _Place) -> JsonValue:
        return _hidden(value) if looks_secret(key) else self._masked(value, self._below(place, key))

    def _values(self, value: JsonValue, place: _Place) -> Iterator[str]:
        if _says_secret(place):
            yield from _secret_leaves(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from (
                    _secret_leaves(item) if looks_secret(key) else self._values(item, self._below(place, key))
                )
        elif isinstance(value, list):
            for at, item in enumerate(value):
                yield from self._values(item, self._below(place, str(at)))

    def _below(self, place: _Place, key: str) -> _Place:
        """The schemas that apply to a member of an object, or to an item of an array by its index."""
        return (
            self._applying([below for schema in place for below in _schemas_below(schema, key)])
            if place
            else ()
        )

    def _applying(self, schemas: list[JsonValue]) -> _Place:
        """The schemas, with all that they include."""
        applying: list[JsonMapping] = []
        seen: set[int] = set()
        while schemas:
            schema = schemas.pop()
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            applying.append(schema)
            schemas += [one for name in _BRANCHES for one in _list(schema.get(name))]
            schemas += [schema.get(name) for name in _CONDITIONS]
            schemas.append(self._referred(schema.get("$ref")))
        return tuple(applying)

    def _referred(self, reference: JsonValue) -> JsonValue:
        """The part of the schema that a `$ref` points to; None where it points elsewhere."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        part: JsonValue = self._root
        for key in reference[1:].split("/")[1:]:
            name = key.replace("~1", "/").replace("~0", "~")
            part = part.get(name) if isinstance(part, Mapping) else None
        return part


def _says_secret(place: _Place) -> bool:
    return any(schema.get("writeOnly") is True or schema.get("format") == "password" for schema in place)


def _schemas_below(schema: JsonMapping, key: str) -> Iterator[JsonValue]:
    """The schemas that one schema has for a member or an item."""
    yield _object(schema.get("properties")).get(key)
    for pattern, below in _object(schema.get("patternProperties")).items():
        if _matches(pattern, key):
            yield below
    yield schema.get("additionalProperties")
    if key.isdigit():
        listed = _list(schema.get("prefixItems"))
        yield listed[int(key)] if int(key) < len(listed) else None
        items = schema.get("items")
        yield from _list(items) if isinstance(items, list) else [items]


def _matches(pattern: str, key: str) -> bool:
    """Whether a pattern matches; one that Python does not understand may."""
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return True


def _secret_leaves(value: JsonValue) -> Iterator[str]:
    """The texts and numbers of a value at a secret place. Where a value is taken from is no secret."""
    yield from leaves_of({**value, _REFERENCE: None} if _is_reference(value) else value)


def _is_reference(value: JsonValue) -> bool:
    text = value.get(_REFERENCE) if isinstance(value, dict) else None
    return isinstance(text, str) and is_address(text.partition("#")[0])


def _hidden(value: JsonValue) -> JsonValue:
    """MASK, unless the value tells nothing; of a reference to a runtime only the rest is hidden."""
    if _is_reference(value):
        return {key: item if key == _REFERENCE else _hidden(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool) or value == "" else MASK


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
