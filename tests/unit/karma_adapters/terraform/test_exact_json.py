"""Terraform's numbers: none becomes another one, or zero, or an error."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from karma_adapters.terraform import exact_json

THIRD = "0." + "3" * 153 + "5"


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("0.1", 0.1),
        ("1.5e300", 1.5e300),
        ("0", 0),
        ("-0.0", 0.0),
        ("0.000", 0.0),
        ("18446744073709551616", 2**64),
        ("1" + "0" * 400, 10**400),
        ("1" + "0" * 5000, Decimal("1" + "0" * 5000)),
        ("1e400", Decimal("1e400")),
        ("-1e400", Decimal("-1e400")),
        ("1e-400", Decimal("1e-400")),
        ("0." + "0" * 399 + "1", Decimal("1e-400")),
        (THIRD, Decimal(THIRD)),
    ],
)
def test_a_number_that_a_float_cannot_hold_stays_what_it_is(number: str, value: Any) -> None:
    """No digit changes; what a float is stays one."""
    read = exact_json.decode(f'{{"v": {number}}}')["v"]
    assert (read, type(read)) == (value, type(value))
    assert exact_json.as_decoded(exact_json.decode_state(f'{{"v": [{number}]}}')) == {"v": [value]}


@pytest.mark.parametrize(
    "number", ["0.1", THIRD, "18446744073709551616", "1E+400", "1E-400", "123456789.125"]
)
def test_a_state_is_written_as_it_was_read(number: str) -> None:
    """Digit for digit, because another number would be a change of the resource."""
    text = f'{{"resources":[{{"v":{number}}}]}}'
    assert exact_json.encode(exact_json.decode_state(text)).decode() == text


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"v": 1e}', '{"v": "\\ud800"}', '{"v":' * 3000 + "1" + "}" * 3000]
)
def test_what_is_no_object_is_refused(text: str) -> None:
    """By the error that the adapters translate, whatever is wrong."""
    with pytest.raises(msgspec.MsgspecError):
        exact_json.decode_state(text)
