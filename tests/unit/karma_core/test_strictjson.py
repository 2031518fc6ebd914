"""Numbers are kept to the last digit, and refused where they have more digits than anybody keeps."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from karma_core import strictjson
from karma_core.decoding import decode
from karma_core.errors import BadInput
from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonObject


@pytest.mark.parametrize(
    "number",
    [
        *("1e4000", "-1E+5000", "1e-4000", "-2.5E-9999", "1" * 4001, "-" + "9" * 5000),
        *("0." + "0" * 4000 + "1", "1e999999999999", "1e-99999999999999999999"),
    ],
)
def test_a_number_of_too_many_digits_is_refused(number: str) -> None:
    """Python reads no longer integers, and no parameter holds more."""
    for text in (f'{{"a": [{number}]}}', f'{{"a": {number}, "b": "\\n"}}'):
        with pytest.raises(BadInput) as caught:
            strictjson.parse_object(text.encode(), where="x")
        assert caught.value.code == "invalid-json"
        assert "more than 4,000 digits" in caught.value.why


@pytest.mark.parametrize("number", ["5e-324", "0e-400", "1e308", "-0.0", "1e-100", "0.1", "2.50", "1.0"])
def test_a_number_that_a_float_is_stays_a_float(number: str) -> None:
    """So that the canonical form of what was exact before is what it was: no component becomes stale."""
    raw = f"[{number}]".encode()
    value, form = strictjson.parse_canonical(raw, where="x")
    assert value == [float(number)]
    assert isinstance(value[0], float)
    assert json.loads(form) == [float(number)]
    assert strictjson.parse(b'["1e-400"]', where="x") == ["1e-400"]


EXACT = {
    "12345678901234567890.123456789": "12345678901234567890.123456789",
    "0.1234567890123456789": "0.1234567890123456789",
    "1e400": "1E+400",
    "10.0e399": "1E+400",
    "-1e-400": "-1E-400",
    "18446744073709551616": "18446744073709551616",
    "-9223372036854775809": "-9223372036854775809",
    "123456789012345678901.0": "123456789012345678901",
    "9007199254740993.0": "9007199254740993",
    "0." + "3" * 153 + "5": "0." + "3" * 153 + "5",
    "1" * 4000: "1" * 4000,
}


@pytest.mark.parametrize(("number", "form"), EXACT.items(), ids=range(len(EXACT)))
def test_every_digit_is_kept(number: str, form: str) -> None:
    """Through reader, canonical form, typed records and what people are shown."""
    for more in ("", ', "b": "\\n"'):
        raw = f'{{"a": {number}{more}}}'.encode()
        value, canonical = strictjson.parse_object_canonical(raw, where="x")
        assert f'"a":{form}'.encode() in canonical
        assert strictjson.parse_object_canonical(canonical, where="x") == (value, canonical)
        assert decode(canonical, JsonObject) == value
        assert json.loads(dumps(value, indent=2), parse_float=Decimal) == json.loads(raw, parse_float=Decimal)
