r"""Documents from outside, read into frozen structs: unknown keys are refused, and every fault is named.

A document gives all its wrong keys at once, also those of documents within it. Patterns end in
`WHOLE`: in Python's `re`, `$` alone lets a final newline through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from karma_core.decoding import convert
from karma_core.exact_numbers import built_in
from karma_core.ids import shown
from karma_core.json_types import JsonObject, JsonValue

Kind = TypeVar("Kind")

WHOLE: Final = r"$(?!\n)"
"""The end of the text in a pattern; with a meaning in ECMA-262 too, so that JSON Schemas can hold it."""
MOST_NAMED: Final = 5
"""Most faults that an error names. Ours."""
MOST_SAID: Final = 300
"""Longest text of a fault, in characters: it may quote what was sent. Ours."""
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_AT: Final = re.compile(r"(?P<said>.*) - at (?:`key` in )?`\$(?P<place>[^`]*)`\Z", re.DOTALL)
"""How msgspec says what is wrong where."""

TypeForm: TypeAlias = Any
"""A type as annotations write it: a class, or a form like `list[str]` or `int | None`, which no class is."""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all documents."""


class Secret:
    """A text that must not be shown; only `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('**********')"


class Fault(msgspec.Struct, frozen=True):
    """A fault and its place, a path of keys and indices; the empty one is the whole document."""

    place: tuple[str, ...]
    said: str


class Faults(ValueError):
    """A document cannot be used."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__(self.summary(whole="document"))

    def summary(self, *, whole: str, below: str = "") -> str:
        """The first faults in a line; `whole` names the document, `below` the key that it stands under."""
        return "; ".join(
            f"{_path(below, *fault.place) or whole}: {fault.said}" for fault in self.faults[:MOST_NAMED]
        )


def read(kind: type[Kind], body: JsonValue, *, strict: bool = True) -> Kind:
    """The document in a JSON value; Faults. Not `strict`: text may stand for numbers and flags."""
    try:
        return convert(body, kind, strict=strict, dec_hook=_read_secret)
    except msgspec.ValidationError as error:
        faults = tuple(_of_keys(kind, body, strict=strict)) or (_fault(error),)
        raise Faults(faults) from error


def _read_secret(kind: TypeForm, value: JsonValue) -> Secret:
    """Decode `Secret` for msgspec, which does not know the type."""
    if kind is not Secret:
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise TypeError("Expected `str`")
    return Secret(value)


def written(document: msgspec.Struct) -> JsonObject:
    """The document as JSON values, as one would write it: without the keys that hold their default."""
    values = ((field, getattr(document, field.name)) for field in fields(document))
    return {field.encode_name: _plain(value) for field, value in values if not _is_default(field, value)}


def _path(*parts: str) -> str:
    return ".".join(shown(part) for part in parts if part)


def _plain(value: object) -> JsonValue:
    if isinstance(value, msgspec.Struct):
        return written(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return built_in(value)


def _is_default(field: FieldInfo, value: object) -> bool:
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return bool(value == field.default)


def _of_keys(kind: TypeForm, body: JsonValue, *, strict: bool) -> Iterator[Fault]:
    """The faults of a document's own keys; none where its values do not fit together."""
    if not (isinstance(body, Mapping) and isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    known = {field.encode_name: field for field in fields(kind)}
    for name, field in known.items():
        if name not in body:
            if field.required:
                yield Fault((name,), "it is missing")
            continue
        yield from _of_value(field.type, body[name], name, strict=strict)
    unknown = body.keys() - known.keys() if kind.__struct_config__.forbid_unknown_fields else ()
    for name in sorted(unknown, key=str):
        yield Fault((str(name),), "there is no such key")


def _of_value(kind: TypeForm, value: JsonValue, *below: str, strict: bool) -> Iterator[Fault]:
    """The faults of one value, of a document or a table by its keys: msgspec leaves those of tables out."""
    try:
        convert(value, kind, strict=strict, dec_hook=_read_secret)
    except msgspec.ValidationError as error:
        within = tuple(_within(kind, value, strict=strict))
        yield from (Fault((*below, *fault.place), fault.said) for fault in within)
        if not within:
            yield _fault(error, *below)


def _within(kind: TypeForm, value: JsonValue, *, strict: bool) -> Iterator[Fault]:
    if origin_of(kind) is dict and isinstance(value, Mapping):
        of_table = get_args(kind)[1]
        for key, one in value.items():
            yield from _of_value(of_table, one, str(key), strict=strict)
    else:
        yield from _of_keys(kind, value, strict=strict)


def origin_of(kind: TypeForm) -> object:
    """What a form is made of, as `typing.get_origin`: `list` of `list[str]`; None for a class."""
    return get_origin(kind)


def _fault(error: msgspec.ValidationError, *below: str) -> Fault:
    text = str(error)
    match = _AT.match(text)
    place = re.findall(r"[^.\[\]]+", match["place"]) if match else []
    said = match["said"] if match else text
    said = said.replace(repr(WHOLE)[1:-1], "$")
    return Fault((*below, *place), _UNPRINTABLE.sub("?", said)[:MOST_SAID])
