"""Terraform's operators, attributes and indexes on values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from karma_core.inference import numbers
from karma_core.inference.conversion import Uncertain, same
from karma_core.inference.reading import Reading
from karma_core.inference.shapes import PartialText, plain
from karma_core.inference.values import (
    COMPUTED,
    Dependencies,
    Encoded,
    Failure,
    Items,
    Listed,
    Mapped,
    Runtime,
    Unknown,
    Value,
    first_unknown,
)

_ORDER: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_TYPES: Final = {"str": "string", "dict": "object", "NoneType": "null", "Items": "set"}
_NUMERIC: Final = (int, float, Fraction, Decimal)
_NUMBERS: Final = frozenset(_NUMERIC)
_BOOL_TEXTS: Final = frozenset({"true", "false", "1", "0"})
_NO_BOOLS: Final = _NUMBERS | {list, dict, Items, Listed, Mapped}
_TRUTH: Final = {True: True, False: False, "true": True, "false": False}


_UNDECIDED: Final = frozenset({Unknown, PartialText})


def type_of(value: Value) -> str:
    """The name of a plain value's type; numbers are one type, as in Terraform."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, _NUMERIC):
        return "number"
    return _TYPES.get(type(value).__name__, type(value).__name__)


def truth(value: Value) -> bool | None:
    """A condition's value; None where it is not known or none."""
    return _TRUTH.get(value) if isinstance(value, (bool, str)) else None


def is_no_bool(value: Value) -> bool:
    """Whether a value is known to be no condition."""
    return (
        value is None or value.__class__ in _NO_BOOLS or (isinstance(value, str) and value not in _BOOL_TEXTS)
    )


def attribute(reading: Reading, value: Value, name: str) -> Value:
    """`value.name`."""
    if isinstance(value, dict):
        member = value.get(name, reading)
        return member if member is not reading else Failure(f"there is no {name!r} in it")
    if isinstance(value, Unknown):
        return plain(value)
    if isinstance(value, Runtime):
        return reading.key(value, name)
    if isinstance(value, Dependencies):
        return reading.dependency(name, reading.place, name)
    return Failure(f"a {type_of(value)} has no {name!r}")


def index(reading: Reading, value: Value, key: Value, place: str, text: str) -> Value:
    """`value[key]`; `text` is the key as it was written."""
    if isinstance(value, Dependencies):
        return reading.dependency(key, place, text)
    if isinstance(value, Unknown):
        reading.used(key)
        return plain(value)
    if isinstance(value, dict) and isinstance(key, _NUMERIC) and not isinstance(key, bool):
        key = numbers.text(key)
    if isinstance(key, str) and isinstance(value, (dict, Runtime)):
        return attribute(reading, value, key)
    unknown = first_unknown(key)
    if unknown is not None or isinstance(value, Runtime):
        reading.used(value)
        reading.used(key)
        return plain(unknown) or Unknown(text, computed=True)
    if isinstance(value, list):
        at = whole_number(key)
        return value[at] if at is not None and 0 <= at < len(value) else Failure(f"there is no item {key!r}")
    return Failure(f"a {type_of(value)} has no item {key!r}")


def number_of(value: Value) -> numbers.Number:
    """A number, or a string that is one; TypeError for anything else."""
    if isinstance(value, _NUMERIC) and not isinstance(value, bool):
        return numbers.exact(value)
    number = numbers.parsed(value) if isinstance(value, str) and _NUMBER.match(value) else None
    if number is None:
        raise TypeError
    return number


def whole_number(value: Value) -> int | None:
    """The number, or the number that a string is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def operate(reading: Reading, name: str, values: list[Value]) -> Value:  # noqa: PLR0911 - one case a kind
    """One or two operands; `null` compares with a runtime, which is none."""
    if name in ("&&", "||"):
        return _logic(reading, name, values)
    if name in ("==", "!=") and None in values:
        other = values[0] if values[1] is None else values[1]
        if isinstance(other, (Runtime, Encoded, Dependencies)):
            return name == "!="
    for value in values:
        unknown = first_unknown(value)
        if unknown is not None:
            for used in values:
                reading.used(used)
            reading.uncomputed += not unknown.computed
            return plain(next((one for one in values if isinstance(one, Failure)), unknown))
    try:
        if len(values) == 1:
            return not _TRUTH[values[0]] if name == "!" else _negated(number_of(values[0]))
        if name in ("==", "!="):
            return same(*values) is (name == "==")
        return _calculated(name, *map(number_of, values))
    except Uncertain:
        return Unknown(f"{name} of values whose types are not known")
    except (TypeError, KeyError, ArithmeticError) as error:
        return Failure(f"{name} cannot be computed: {type(error).__name__}")


def _negated(number: numbers.Number) -> Value:
    return -number if number else Unknown("a zero, which has two signs")


def _calculated(name: str, left: numbers.Number, right: numbers.Number) -> Value:
    if name in _ORDER:
        return _ORDER[name](left, right)
    made = numbers.calculated(name, left, right)
    return Unknown("a number that is rounded") if made is None else made


def _logic(reading: Reading, name: str, values: list[Value]) -> Value:
    """Evaluate `&&` and `||`: `false && x` is false and `true || x` true, even if x is unknown.

    Also if x fails: since Terraform 1.12, and where an older one does not stop anyway. Only `try` and `can`
    show the difference, and what they say of it is not computed.
    """
    decisive = name == "||"
    truths = [truth(value) for value in values]
    failures = [value for value in values if isinstance(value, Failure)]
    no_bools = any(map(is_no_bool, values))
    if decisive in truths:
        reading.uncomputed += bool(failures) or no_bools
        return Unknown(f"{name} of what is neither true nor false") if no_bools else decisive
    if no_bools:
        return Failure(f"an operand of {name} is neither true nor false")
    if None not in truths:
        return not decisive
    undecided = next((value for value in values if type(value) in _UNDECIDED), None)
    if undecided is None and failures:
        return failures[0]
    return plain(undecided or Unknown(f"operand of {name}", computed=True))


def text_of(value: Value) -> str | Unknown:
    """A value inside a template."""
    if value.__class__ is str:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, Fraction, Decimal)):
        return numbers.text(value)
    if isinstance(value, Unknown):
        return value
    return COMPUTED if isinstance(value, Encoded) else Failure(f"a {type_of(value)} is no text")
