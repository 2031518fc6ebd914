"""Terraform's types, and conversion between them (cty: convert, unify).

A plain Python list is a tuple and a dict an object, as literals and configs make them; `Listed`, `Items` and
`Mapped` are lists, sets and maps, whose items have one type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from karma_core.inference import numbers
from karma_core.inference.values import Items, Listed, Mapped, Unknown, Value

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_PRIMITIVE: Final = frozenset({"string", "number", "bool"})
_TRUTH: Final = {"true": True, "false": False, "1": True, "0": False}


class Unconvertible(Exception):
    """Terraform would refuse the conversion."""


class Uncertain(Exception):
    """What Terraform would do is not known here."""


class Type(NamedTuple):
    """A type: `kind` is string, number, bool, any, list, set, map, tuple or object."""

    kind: str
    inner: tuple[Type, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def of(self) -> Type:
        """The type of the items of a list, set or map."""
        return self.inner[0]


ANY: Final = Type("any")
STRING: Final = Type("string")
NUMBER: Final = Type("number")
BOOL: Final = Type("bool")


_SCALARS: Final[dict[type, Type]] = {
    type(None): ANY,
    bool: BOOL,
    str: STRING,
    int: NUMBER,
    float: NUMBER,
    Fraction: NUMBER,
    Decimal: NUMBER,
}


def type_of(value: Value) -> Type:
    """The type of a value; Uncertain where a part is not known."""
    scalar = _SCALARS.get(value.__class__)
    if scalar is not None:
        return scalar
    match value:
        case Items():
            return Type("set", (_item_type(value),))
        case Listed():
            return Type("list", (_item_type(value),))
        case list():
            return Type("tuple", tuple(map(type_of, value)))
        case Mapped():
            return Type("map", (unified(map(type_of, value.values())),))
        case dict():
            return Type("object", tuple(type_of(value[name]) for name in sorted(value)), tuple(sorted(value)))
        case _:
            raise Uncertain


def _item_type(items: Sequence[Value]) -> Type:
    """The one type of a list's items: texts nearly always."""
    return STRING if items and _are_texts(items) else unified(map(type_of, items))


def _are_texts(items: Iterable[Value]) -> bool:
    return all(item.__class__ is str for item in items)


def unified(types: Iterable[Type]) -> Type:
    """The one type that all of these become: Unconvertible where there is none, Uncertain."""
    different = set(types) - {ANY}
    if len(different) < 2:  # noqa: PLR2004 - one is what it is
        return different.pop() if different else ANY
    given = sorted(different)
    kinds = {one.kind for one in given}
    if kinds & _PRIMITIVE:
        if "string" in kinds and kinds <= _PRIMITIVE:
            return STRING
        raise Unconvertible
    inner = [of for one in given for of in one.inner]
    if kinds <= {"list", "tuple"}:
        return _by_place(given, "tuple") or Type("list", (unified(inner),))
    if kinds <= {"map", "object"}:
        return _by_place(given, "object") or Type("map", (unified(inner),))
    if kinds == {"set"}:
        return Type("set", (unified(inner),))
    raise Uncertain


def _by_place(given: Sequence[Type], kind: str) -> Type | None:
    """Tuples of one length, or objects with the same attributes, part by part."""
    shapes = {(one.kind, len(one.inner), one.names) for one in given}
    if len(shapes) > 1 or given[0].kind != kind:
        return None
    columns = zip(*(one.inner for one in given), strict=True)
    return Type(kind, tuple(map(unified, columns)), given[0].names)


def converted(value: Value, to: Type) -> Value:
    """The value as another type: Unconvertible, Uncertain."""
    kind = to.kind
    if value is None or kind == "any" or (kind == "string" and value.__class__ is str):
        return value
    if isinstance(value, Unknown):
        raise Uncertain
    match kind:
        case "string":
            return as_text(value)
        case "number":
            return as_number(value)
        case "bool":
            return as_bool(value)
        case "list" | "set" | "tuple":
            return _as_items(value, to)
        case _:
            return _as_attributes(value, to)


def as_text(value: Value) -> str:
    """A string, or a number or bool as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Fraction, Decimal)):
        return numbers.text(value)
    raise Unconvertible if isinstance(value, (list, dict)) else Uncertain


def as_number(value: Value) -> numbers.Number:
    """A number, or what a text says."""
    if value.__class__ is int:
        return int(value)
    if isinstance(value, (int, float, Fraction, Decimal)) and not isinstance(value, bool):
        return numbers.exact(value)
    if not isinstance(value, str):
        raise Unconvertible if isinstance(value, (bool, list, dict)) else Uncertain
    number = numbers.parsed(value) if _NUMBER.match(value) else None
    if number is None:
        raise Uncertain if any(map(str.isdigit, value)) or value.lower().startswith("inf") else Unconvertible
    return number


def as_bool(value: Value) -> bool:
    """A bool, or what a text says."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]
    raise Unconvertible if isinstance(value, (str, int, float, Fraction, Decimal, list, dict)) else Uncertain


def _as_items(value: Value, to: Type) -> Value:
    if not isinstance(value, list):
        raise Unconvertible if isinstance(value, (str, int, float, Fraction, Decimal, dict)) else Uncertain
    if to.kind == "tuple":
        if isinstance(value, Listed) or len(value) != len(to.inner):
            raise Uncertain
        return [converted(item, of) for item, of in zip(value, to.inner, strict=True)]
    of = _item_type(value) if to.of == ANY else to.of
    items = value if of is STRING and _are_texts(value) else [converted(item, of) for item in value]
    return Listed(items) if to.kind == "list" else as_set(items)


def as_set(items: Sequence[Value]) -> Items:
    """The items once each, in the order in which Terraform goes through a set: Uncertain for collections."""
    if all(item.__class__ is str for item in items):  # nearly always
        return Items(sorted(set(items)))
    kept = Seen(items).items
    if len(kept) < 2:  # noqa: PLR2004 - there is an order only of two
        return Items(kept)
    if not all(isinstance(item, str) for item in kept) and not all(
        isinstance(item, (int, Fraction, float, Decimal)) and not isinstance(item, bool) for item in kept
    ):
        raise Uncertain
    return Items(sorted(kept))


def _as_attributes(value: Value, to: Type) -> Value:
    if not isinstance(value, dict):
        raise Unconvertible if isinstance(value, (str, int, float, Fraction, Decimal, list)) else Uncertain
    if to.kind == "map":
        of = unified(type_of(item) for item in value.values()) if to.of == ANY else to.of
        return Mapped({name: converted(item, of) for name, item in value.items()})
    if sorted(value) != list(to.names):
        raise Uncertain
    types = dict(zip(to.names, to.inner, strict=True))
    return {name: converted(item, types[name]) for name, item in value.items()}


class Seen:
    """Values, each once as `same` has it, in their order: scalars are looked up, collections gone through."""

    def __init__(self, items: Iterable[Value] = ()) -> None:
        self.items: list[Value] = []
        self._scalars: set[tuple[str, Value]] = set()
        self._others: list[Value] = []
        for item in items:
            self.add(item)

    def __contains__(self, item: Value) -> bool:
        key = _key(item)
        if key is not None:
            return key in self._scalars or any(same(item, other) for other in self._others)
        return any(same(item, other) for other in self.items)

    def add(self, item: Value) -> None:
        """Add a value unless it is there: Uncertain where that hangs on what is not known."""
        if item in self:
            return
        self.items.append(item)
        key = _key(item)
        if key is None:
            self._others.append(item)
        else:
            self._scalars.add(key)


def _key(value: Value) -> tuple[str, Value] | None:
    """What is equal for scalars that are the same; None for all other values."""
    if value is None or isinstance(value, (str, bool)):
        return type(value).__name__, value
    return ("number", numbers.exact(value)) if isinstance(value, (int, float, Fraction, Decimal)) else None


def same(one: Value, other: Value) -> bool:
    """Whether two known values are equal, their types too: Uncertain where that hangs on a type."""
    if isinstance(one, (list, dict)) and isinstance(other, (list, dict)):
        return one.__class__ is other.__class__ and _same_parts(one, other)
    first, second = type_of(one), type_of(other)
    if None in (one, other):
        return one is None and other is None
    if first != second:
        return False
    return numbers.exact(one) == numbers.exact(other) if first == NUMBER else bool(one == other)


def _same_parts(one: Value, other: Value) -> bool:
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return False
        return all(same(one[name], other[name]) for name in one)
    if len(one) != len(other):
        return False
    return all(map(same, one, other))
