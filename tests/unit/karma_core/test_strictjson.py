"""Numbers that readers of JSON do not agree on are refused, however they are written."""

from __future__ import annotations

import pytest

from karma_core import strictjson
from karma_core.errors import BadInput


@pytest.mark.parametrize(
    "number",
    [
        *("18446744073709551616", "-9223372036854775809", "1e400", "-1E+400"),
        *("1e-400", "-2.5E-999", "0." + "0" * 400 + "1"),
    ],
)
def test_a_number_out_of_range_is_refused(number: str) -> None:
    """Some readers would give an error, some infinity, some zero."""
    for text in (f'{{"a": [{number}]}}', f'{{"a": {number}, "b": "\\n"}}'):
        with pytest.raises(BadInput) as caught:
            strictjson.parse_object(text.encode(), where="x")
        assert caught.value.code == "invalid-json"


@pytest.mark.parametrize("number", ["5e-324", "0e-400", "0." + "0" * 310 + "12", "1e308", "-0.0", "1e-100"])
def test_a_number_in_range_is_read(number: str) -> None:
    """The smallest, the largest, and zero in any form."""
    assert strictjson.parse(f"[{number}]".encode(), where="x") == [float(number)]
    assert strictjson.parse(b'["1e-400"]', where="x") == ["1e-400"]
