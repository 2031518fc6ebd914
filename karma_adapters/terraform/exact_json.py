"""Terraform's JSON, whose numbers are wider than Python's: 512 bits, and printed with every digit.

A number that a float cannot hold stays a `Decimal`, so that nothing becomes another number, or zero, or an
error, unseen. A state is written as it was read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from karma_core.exact_numbers import exact
from karma_core.json_types import JsonObject, JsonValue

Number = Callable[[str], float | Decimal]
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def _exact(text: str) -> float | Decimal:
    """A float where it is the number, digit for digit; else the number itself."""
    value, number = float(text), Decimal(text)
    return value if math.isfinite(value) and Decimal(repr(value)) == number else number


def decode(text: bytes | str) -> JsonObject:
    """The object in a text; msgspec.MsgspecError where there is none."""
    return _decoded(text, exact)


def decode_state(text: bytes | str) -> JsonObject:
    """As `decode`, with every number exactly as it is there: `encode` gives the same back."""
    return _decoded(text, _exact)


def encode(value: JsonObject) -> bytes:
    """The JSON of an object that `decode_state` gave."""
    return _encode(value)


def as_decoded(value: JsonValue) -> JsonValue:
    """What `decode` would have given, of a value that `decode_state` gave."""
    if isinstance(value, Decimal):
        return exact(str(value))
    if isinstance(value, dict):
        return {key: as_decoded(inner) for key, inner in value.items()}
    return [as_decoded(inner) for inner in value] if isinstance(value, list) else value


def _decoded(text: bytes | str, number: Number) -> JsonObject:
    try:
        return msgspec.json.Decoder(JsonObject, float_hook=number).decode(text)
    except msgspec.ValidationError:
        decoded = _slowly(text, number)
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error
    if not isinstance(decoded, dict):
        raise msgspec.ValidationError("it is no object")
    return decoded


def _slowly(text: bytes | str, number: Number) -> JsonValue:
    """Read numbers that msgspec refuses by their mere length."""

    def whole(digits: str) -> int | Decimal:
        try:
            return int(digits)
        except ValueError:  # more digits than Python reads
            return Decimal(digits)

    try:
        return json.loads(text, parse_float=number, parse_int=whole)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
