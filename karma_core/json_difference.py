"""The differences of two JSON values, place by place."""

from __future__ import annotations

from collections.abc import Iterator

from karma_core.json_types import JsonValue
from karma_core.model import Record
from karma_core.strictjson import canonical

Members = dict[str | int, JsonValue]
"""The members of an object by name, or the items of an array by index."""


class Difference(Record, frozen=True, kw_only=True):
    """One place: a JSON pointer (RFC 6901), `added`, `removed` or `changed`, and the values."""

    pointer: str
    op: str
    before: JsonValue = None
    after: JsonValue = None


def differences(before: JsonValue, after: JsonValue) -> tuple[Difference, ...]:
    """Return the differences of two values, sorted by pointer; arrays are compared index by index."""
    return tuple(sorted(_walk("", before, after), key=lambda difference: difference.pointer))


def _walk(pointer: str, before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(pointer, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _members(pointer, dict(enumerate(before)), dict(enumerate(after)))
    elif canonical(before) != canonical(after):  # in Python 1 == True == 1.0; in JSON they differ
        yield Difference(pointer=pointer, op="changed", before=before, after=after)


def _members(pointer: str, before: Members, after: Members) -> Iterator[Difference]:
    for key in before.keys() | after.keys():
        place = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            yield Difference(pointer=place, op="removed", before=before[key])
        elif key not in before:
            yield Difference(pointer=place, op="added", after=after[key])
        else:
            yield from _walk(place, before[key], after[key])
