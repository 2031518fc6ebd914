"""Numbers of JSON documents, exact to the last digit, as Terraform has them (512 bits).

A number is an int, a float where the float's shortest digits are the number, and a `Decimal` otherwise: so no
digit changes between a config or an output and whoever reads it. Zeros at the end and the exponent's spelling
make no difference: `10e399` is `1E+400`.
"""

from __future__ import annotations

import json
import math
import secrets
from decimal import Decimal
from typing import Final

import msgspec

from karma_core.json_types import JsonValue

MAX_DIGITS: Final = 4_000
"""Digits of a number, written without an exponent. Ours: Python reads integers of 4,300, a parameter holds
8 KB, and Terraform itself prints 1e4000 in full."""
TOO_LONG: Final = f"a number has more than {MAX_DIGITS:,} digits, written without an exponent"
NUMBERS: Final = (int, float, Decimal)
_TOKEN: Final = f"number-{secrets.token_hex(16)}:"
"""Marks texts that stand for numbers while a document is written; no document has it."""

encode: Final = msgspec.json.Encoder(decimal_format="number").encode
"""The JSON of a value or struct, numbers exact."""


def exact(text: str) -> float | int | Decimal:
    """The number that a JSON number with a point or an exponent is; ValueError where it is beyond all use."""
    value = float(text)
    try:
        number = Decimal(text)
    except ArithmeticError as error:  # an exponent of 20 digits
        raise ValueError(TOO_LONG) from error
    if math.isfinite(value) and Decimal(repr(value)) == number:
        return value
    return unique(number)


def unique(number: Decimal) -> int | Decimal:
    """The number in the one form that it has here: without zeros at its end, whole ones as int."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{number} is no number")  # noqa: TRY004 - infinity or NaN
    kept = len(digits)
    while kept > 1 and digits[kept - 1] == 0:
        kept -= 1
    exponent += len(digits) - kept
    made = Decimal((sign, digits[:kept], exponent))
    return int(made) if exponent >= 0 and kept + exponent <= _SHORT else made


_SHORT: Final = 100
"""Digits of whole numbers that are kept without an exponent. Ours."""


def is_beyond(value: float | Decimal) -> bool:
    """Whether a number has more digits than are kept, or is no number (infinity)."""
    if isinstance(value, int):
        return value.bit_length() > MAX_DIGITS * 4 or (abs(value) >= _LARGEST)
    if isinstance(value, float):
        return not math.isfinite(value)
    exponent = value.as_tuple().exponent
    return not isinstance(exponent, int) or value.adjusted() >= MAX_DIGITS or exponent <= -MAX_DIGITS


_LARGEST: Final = 10**MAX_DIGITS


def built_in(value: object) -> JsonValue:
    """A struct, or lists of them, as plain JSON values; exact numbers stay."""
    return msgspec.to_builtins(value, builtin_types=(Decimal,))


def dumps(
    value: JsonValue,
    *,
    indent: str | int | None = None,
    sort_keys: bool = False,
    ensure_ascii: bool = False,
    separators: tuple[str, str] | None = None,
) -> str:
    """`json.dumps` of a value with exact numbers."""
    text = json.dumps(
        value,
        indent=indent,
        sort_keys=sort_keys,
        ensure_ascii=ensure_ascii,
        separators=separators,
        default=_marked,
    )
    before, *numbers = text.split(f'"{_TOKEN}')
    return before + "".join(part.replace('"', "", 1) for part in numbers)


def _marked(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_TOKEN}{value}"
    raise TypeError(f"a {type(value).__name__} has no JSON form")
