"""The three-way merge of two JSON values that were edited apart: Git's and the parameter store's.

Edits are compared place by place. Objects are merged member by member; an array is one value, because an
index says nothing once elements were inserted before it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import Record
from karma_core.strictjson import canonical

ABSENT: Final = msgspec.UNSET
"""Stands for a value that is not there; `None` is JSON's null."""


class Overlap(Record, frozen=True, kw_only=True):
    """One place (JSON pointer, RFC 6901) that both sides edited, each in its own way.

    A side that has no such place is left out of the document.
    """

    pointer: str
    base: JsonValue = ABSENT
    git: JsonValue = ABSENT
    store: JsonValue = ABSENT


class Merge(Record, frozen=True, kw_only=True):
    """The merged value, and the places where Git's or the store's edit had to be chosen.

    Without a winner the store's edit stands at those places.
    """

    value: JsonValue
    overlaps: tuple[Overlap, ...]


def merge(base: JsonValue, git: JsonValue, store: JsonValue, *, git_wins: bool = False) -> Merge:
    """Merge both sides' edits of base; any of the three may be ABSENT. O(size of the values)."""
    overlaps: list[Overlap] = []
    value = _merge("", (base, git, store), overlaps, git_wins=git_wins)
    return Merge(value=value, overlaps=tuple(sorted(overlaps, key=lambda overlap: overlap.pointer)))


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same JSON, or both absent (in Python 1 == True == 1.0, in JSON not)."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return canonical(one) == canonical(other)


def _merge(
    pointer: str, sides: tuple[JsonValue, JsonValue, JsonValue], overlaps: list[Overlap], *, git_wins: bool
) -> JsonValue:
    base, git, store = sides
    if same(git, store) or same(base, git):
        return store
    if same(base, store):
        return git
    if isinstance(git, dict) and isinstance(store, dict):
        return _members(pointer, (base, git, store), overlaps, git_wins=git_wins)
    overlaps.append(Overlap(pointer=pointer, base=base, git=git, store=store))
    return git if git_wins else store


def _members(
    pointer: str,
    sides: tuple[JsonValue, JsonObject, JsonObject],
    overlaps: list[Overlap],
    *,
    git_wins: bool,
) -> JsonObject:
    base, git, store = sides
    before = base if isinstance(base, dict) else {}
    merged = {}
    for key in sorted(git.keys() | store.keys()):
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        of_key = (before.get(key, ABSENT), git.get(key, ABSENT), store.get(key, ABSENT))
        value = _merge(place, of_key, overlaps, git_wins=git_wins)
        if value is not ABSENT:
            merged[key] = value
    return merged
