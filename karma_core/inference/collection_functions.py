"""Terraform's functions on collections. `STRUCTURE` ones also take what holds unknown values and runtimes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, product
from typing import Final

from karma_core.inference.conversion import (
    Seen,
    Type,
    Uncertain,
    Unconvertible,
    as_number,
    as_set,
    converted,
    same,
    type_of,
    unified,
)
from karma_core.inference.numbers import Number, calculated
from karma_core.inference.reading import MAX_ITEMS
from karma_core.inference.values import Items, Listed, Mapped, Unknown, Value, known


def _list(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _element(items: Value, at: Number) -> Value:
    if isinstance(items, Items) or not isinstance(at, int) or at < 0:
        raise TypeError
    return _list(items)[at % len(items)]


def _one(items: Value) -> Value:
    if len(_list(items)) > 1:
        raise Unconvertible
    return items[0] if items else None


def _coalesce(*values: Value) -> Value:
    """The first argument that is neither null nor empty, or an unknown one that comes before it."""
    for value in values:
        if isinstance(value, Unknown):
            return value
        if value is not None and value != "":
            return _as_the_others(value, values) if all(map(known, values)) else value
    raise Unconvertible


def _as_the_others(value: Value, values: tuple[Value, ...]) -> Value:
    types = {type_of(one) for one in values if one is not None}
    if len(types) > 1 and any(one.inner or one.names for one in types):
        raise Uncertain
    return converted(value, unified(types))


def _coalescelist(*lists: Value) -> Value:
    if not all(isinstance(candidate, list) for candidate in lists):
        raise Uncertain
    chosen = next((candidate for candidate in lists if candidate), None)
    if chosen is None:
        raise Unconvertible
    if len({isinstance(candidate, Listed) for candidate in lists}) > 1:
        raise Uncertain
    return chosen


def _concat(*lists: Value) -> Value:
    if not lists or any(isinstance(items, Items) for items in lists):
        raise TypeError
    if sum(len(_list(items)) for items in lists) > MAX_ITEMS:
        raise Uncertain
    made = list(chain.from_iterable(lists))
    if not all(isinstance(items, Listed) for items in lists):
        return made
    try:
        return converted(made, Type("list", (unified(type_of(items).of for items in lists),)))
    except Unconvertible as error:
        raise Uncertain from error


def _merge(*maps: Value) -> Value:
    made: dict[str, Value] = {}
    given = [one for one in maps if one is not None]
    for one in given:
        if not isinstance(one, dict):
            raise TypeError
        made.update(one)
    if given and all(isinstance(one, Mapped) for one in given):
        if not known(made):
            return made
        of = {type_of(one).of for one in given if one}
        return Mapped(made) if len(of) < 2 else made  # noqa: PLR2004 - of several types they make an object
    return made


def _contains(items: Value, wanted: Value) -> Value:
    contained = False
    for item in _list(items):
        if known(item) and known(wanted):
            contained = contained or same(item, wanted)
    if contained:
        return True
    return False if known(items) and known(wanted) else Unknown("contains()", computed=True)


def _index(items: Value, wanted: Value) -> int:
    if isinstance(items, Items):
        raise TypeError
    return next(at for at, item in enumerate(_list(items)) if same(item, wanted))


def _distinct(items: list[Value]) -> list[Value]:
    if known(items):
        return Seen(items).items
    made: list[Value] = []
    for item in items:
        if not any(_alike(item, other) for other in made):
            made.append(item)
    return made


def _alike(one: Value, other: Value) -> bool:
    return same(one, other) if known(one) and known(other) else bool(one == other)


def _flatten(items: Value) -> list[Value]:
    made: list[Value] = []
    waiting = [iter(_list(items))]
    while waiting:
        for item in waiting[-1]:
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            made.append(item)
        else:
            waiting.pop()
        if len(made) > MAX_ITEMS or len(waiting) > MAX_ITEMS:
            raise Uncertain
    return made


def _length(value: Value) -> int:
    if isinstance(value, str) and not value.isascii():
        raise Uncertain
    if not isinstance(value, (str, list, dict)):
        raise TypeError
    return len(value)


def _slice(items: Value, start: Number, end: Number) -> Value:
    if isinstance(items, Items) or not isinstance(start, int) or not isinstance(end, int):
        raise TypeError
    if not 0 <= start <= end <= len(_list(items)):
        raise Unconvertible
    return items.__class__(items[start:end])


def _reverse(items: Value) -> Value:
    made = _list(items)[::-1]
    return made if items.__class__ is list else Listed(made)


def _keys(given: Value) -> Value:
    names = sorted(given.keys())
    return Listed(names) if isinstance(given, Mapped) else names


def _values(given: Value) -> Value:
    made = [given[name] for name in sorted(given)]
    return Listed(made) if isinstance(given, Mapped) else made


def _zipmap(names: list[str], values: Value) -> Value:
    if not all(isinstance(name, str) for name in names):
        raise TypeError if known(names) else Uncertain
    made = dict(zip(names, _list(values), strict=True))
    return Mapped(made) if isinstance(values, Listed) else made


def _chunklist(items: list[Value], size: Number) -> list[Value]:
    if not isinstance(size, int) or size < 0:
        raise Unconvertible
    step = size or max(len(items), 1)
    return [Listed(items[at : at + step]) for at in range(0, len(items), step)]


def _all(items: list[bool | None]) -> bool:
    return all(item is True for item in items)


def _any(items: list[bool | None]) -> bool:
    return any(item is True for item in items)


def _sum(items: Value) -> Value:
    if not _list(items):
        raise Unconvertible
    total: Number = 0
    for item in map(as_number, items):
        made = calculated("+", total, item)
        if made is None:
            raise Uncertain
        total = made
    return total


def _matchkeys(values: list[Value], keys: list[Value], wanted: list[Value]) -> list[Value]:
    pairs = list(zip(values, keys, strict=True))
    if type_of(keys) != type_of(wanted):
        raise Uncertain
    chosen = Seen(wanted)
    return [value for value, key in pairs if key in chosen]


def _setproduct(*lists: Value) -> Value:
    if len(lists) < 2 or any(isinstance(_list(items), Items) for items in lists):  # noqa: PLR2004 - of two
        raise Uncertain
    of_one_type = [items if isinstance(items, Listed) else converted(items, _ANY_LIST) for items in lists]
    if not all(of_one_type):
        raise Uncertain
    return Listed(map(list, product(*of_one_type)))


def _of_sets(combine: Callable[[list[Value], list[Value]], list[Value]]) -> Callable[..., Value]:
    def function(first: Items, *others: Items) -> Items:
        of = Type("set", (unified(type_of(items).of for items in (first, *others)),))
        made: list[Value] = converted(first, of)
        for other in others:
            made = combine(made, converted(other, of))
        return as_set(made)

    return function


def _intersection(one: list[Value], other: list[Value]) -> list[Value]:
    seen = Seen(other)
    return [item for item in one if item in seen]


def _difference(one: list[Value], other: list[Value]) -> list[Value]:
    seen = Seen(other)
    return [item for item in one if item not in seen]


def _transpose(given: dict[str, list[str]]) -> Mapped:
    made: dict[str, list[str]] = {}
    for name in sorted(given):
        if None in given[name]:
            raise TypeError
        for item in given[name]:
            made.setdefault(item, []).append(name)
    return Mapped({name: Listed(items) for name, items in made.items()})


def _toset(value: Value) -> Value:
    return _distinct(value) if not known(value) and isinstance(value, list) else converted(value, _ANY_SET)


_ANY_LIST: Final = Type("list", (Type("any"),))
_ANY_SET: Final = Type("set", (Type("any"),))
_ANY_MAP: Final = Type("map", (Type("any"),))

KNOWN: Final[dict[str, Callable[..., Value]]] = {
    "alltrue": _all,
    "anytrue": _any,
    "matchkeys": _matchkeys,
    "setintersection": _of_sets(_intersection),
    "setproduct": _setproduct,
    "setsubtract": _of_sets(_difference),
    "sum": _sum,
    "transpose": _transpose,
}
"""Functions that take known values alone."""
STRUCTURE: Final[dict[str, Callable[..., Value]]] = {
    "chunklist": _chunklist,
    "coalesce": _coalesce,
    "coalescelist": _coalescelist,
    "compact": lambda items: [item for item in items if item is not None and item != ""],
    "concat": _concat,
    "contains": _contains,
    "distinct": _distinct,
    "element": _element,
    "flatten": _flatten,
    "index": _index,
    "keys": _keys,
    "length": _length,
    "merge": _merge,
    "one": _one,
    "reverse": _reverse,
    "setunion": lambda *lists: _union(lists),
    "slice": _slice,
    "sort": sorted,
    "tolist": lambda value: converted(value, _ANY_LIST) if known(value) else list(value),
    "tomap": lambda value: converted(value, _ANY_MAP) if known(value) else value,
    "toset": _toset,
    "values": _values,
    "zipmap": _zipmap,
}


def _union(lists: tuple[Value, ...]) -> Value:
    if all(map(known, lists)):
        return _of_sets(lambda one, other: [*one, *other])(*lists)
    return _distinct(list(chain.from_iterable(lists)))
