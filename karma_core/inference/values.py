"""The values of the evaluation beside plain ones: unknown, failed, runtimes, JSON text, dependencies.

Plain values are Python's: None, bool, int, float, str, list, dict; `Items`, `Listed`, `Mapped`; `Fraction`
for a number that was computed or written with decimals (`numbers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any
"""A plain value or one of the classes below; lists and dicts may hold them."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known, with the expression or fact that makes it so.

    `computed`: it comes from a resource, a data source or a runtime: nobody knows it before Terraform runs.
    """

    why: str
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Failure(Unknown):
    """Terraform would stop with an error here; `try` and `can` catch it."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The whole runtime of a component. What is read of it is noted when it is used."""

    address: str


@dataclass(frozen=True, slots=True)
class Outputs(Runtime):
    """The outputs in the state of a component. They are read as a runtime is, key by key."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """JSON text of a value, as a parameter holds it."""

    value: Value


@dataclass(frozen=True, slots=True)
class Dependencies:
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
    return not any(True for _ in specials(value))


_SCALARS: Final = frozenset({str, int, float, bool, Fraction, type(None)})


_COLLECTIONS: Final = frozenset({list, dict, Items, Listed, Mapped})


def specials(value: Value) -> Iterable[Value]:
    """Everything in the value that is not plain."""
    kind = value.__class__
    if kind in _SCALARS:
        return ()
    return _inside(value) if kind in _COLLECTIONS else (value,)


def _inside(value: Value) -> Iterator[Value]:
    waiting, seen = [value], set()
    while waiting:
        current = waiting.pop()
        if isinstance(current, (list, dict)):
            if id(current) not in seen:
                seen.add(id(current))
                waiting.extend(current.values() if isinstance(current, dict) else current)
        elif current.__class__ not in _SCALARS:
            yield current


def failed(value: Value) -> bool:
    """Whether Terraform would stop with an error at the value or anything in it."""
    return value.__class__ not in _SCALARS and any(
        isinstance(special, Failure) for special in specials(value)
    )


def first_unknown(value: Value) -> Unknown | None:
    """The first thing in the value that is unknown or failed; a runtime counts as computed."""
    if value.__class__ in _SCALARS:
        return None
    for special in specials(value):
        return special if isinstance(special, Unknown) else COMPUTED
    return None
