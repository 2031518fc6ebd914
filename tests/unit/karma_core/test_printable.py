"""Control characters are shown, never sent."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from karma_core.printable import printable

HARMFUL = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x200F, 0x061C, 0xFEFF)]


def test_every_control_character_is_shown() -> None:
    """C0, DEL, C1 and what turns the direction; tabs and newlines lay text out, and stay."""
    for character in set(HARMFUL) - {"\t", "\n"}:
        assert printable(f"a{character}b") == f"a\\u{ord(character):04x}b"
    assert printable("a\tb\nc \u00e4 \u5bc6 \U0001f43c") == "a\tb\nc \u00e4 \u5bc6 \U0001f43c"


@given(st.dictionaries(st.text(), st.text() | st.sampled_from(HARMFUL)))
def test_json_keeps_its_meaning(value: dict[str, str]) -> None:
    """What is piped into a program is the same document."""
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value
