"""The values of the evaluation beside plain ones: unknown, failed, runtimes, JSON text, dependencies.

Plain values are Python's: None, bool, int, float, str, list, dict; `Items`, `Listed`, `Mapped`; `Fraction`
for a number that was computed or written with decimals (`numbers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

import msgspec

Value: TypeAlias = Any
"""A plain value or one of the classes below; lists and dicts may hold them."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """A value that is not known, with the expression or fact that makes it so.

    `computed`: it comes from a resource, a data source or a runtime: nobody knows it before Terraform runs.
    """

    why: str
    computed: bool = False


class Failure(Unknown, frozen=True, gc=False):
    """Terraform would stop with an error here; `try` and `can` catch it."""


class Runtime(msgspec.Struct, frozen=True, gc=False):
    """The whole runtime of a component. What is read of it is noted when it is used."""

    address: str


class Outputs(Runtime, frozen=True):
    """The outputs in the state of a component. They are read as a runtime is, key by key."""


class Encoded(msgspec.Struct, frozen=True):
    """JSON text of a value, as a parameter holds it."""

    value: Value


class Dependencies(msgspec.Struct, frozen=True, gc=False):
    """The variable `dependencies`: the runtimes of the component's producers by address."""


class Items(list[Value]):
    """A set: sorted, each item once."""


class Listed(list[Value]):
    """A list, whose items have one type; a plain Python list is a tuple."""


class Mapped(dict[str, Value]):
    """A map, whose values have one type; a plain Python dict is an object."""


ALL_DEPENDENCIES = Dependencies()
COMPUTED = Unknown("it is known only after the apply", computed=True)
OF_RUNTIME = Unknown("a runtime says it", computed=True)
"""A value of another component's runtime: where it comes from is known, what it is is not."""


def known(value: Value) -> bool:
    """Whether the value is plain through and through. O(size); a part that stands twice is visited once."""
    kind = value.__class__
    if kind in SCALARS:
        return True
    return kind in _COLLECTIONS and next(_inside(value), None) is None


SCALARS: Final = frozenset({str, int, float, bool, Fraction, Decimal, type(None)})
"""Classes of values that hold no others."""
_COLLECTIONS: Final = frozenset({list, dict, Items, Listed, Mapped})


def specials(value: Value) -> Iterable[Value]:
    """Everything in the value that is not plain."""
    kind = value.__class__
    if kind in SCALARS:
        return ()
    return _inside(value) if kind in _COLLECTIONS else (value,)


def _inside(value: Value) -> Iterator[Value]:
    waiting: list[Value] = [value]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current.__class__ not in _COLLECTIONS:
            yield current
        elif id(current) not in seen:
            seen.add(id(current))
            parts = current.values() if isinstance(current, dict) else current
            waiting += [part for part in parts if part.__class__ not in SCALARS]


def failed(value: Value) -> bool:
    """Whether Terraform would stop with an error at the value or anything in it."""
    return value.__class__ not in SCALARS and any(isinstance(special, Failure) for special in specials(value))


def first_unknown(value: Value) -> Unknown | None:
    """The first thing in the value that is unknown or failed; a runtime counts as computed."""
    if value.__class__ in SCALARS:
        return None
    for special in specials(value):
        return special if isinstance(special, Unknown) else COMPUTED
    return None
