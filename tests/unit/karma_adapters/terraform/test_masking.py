"""Sensitive values in values and in text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_adapters.terraform import masking


@pytest.mark.parametrize(
    ("value", "marks", "shown"),
    [
        ("x", True, "(sensitive)"),
        ("x", False, "x"),
        (None, True, None),
        ({"a": 1, "b": 2}, {"a": True}, {"a": "(sensitive)", "b": 2}),
        ([1, 2, 3], [False, True], [1, "(sensitive)", 3]),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, {"a": [{"b": "(sensitive)"}]}),
        ({"a": {"b": 1}}, {"a": True}, {"a": "(sensitive)"}),
        ({"a": 1}, None, {"a": 1}),
    ],
)
def test_marks_mirror_values(value: Any, marks: Any, shown: Any) -> None:
    """True hides all below it; objects and lists go part by part; null hides nothing."""
    assert masking.masked(value, marks) == shown


@given(st.text(min_size=4, max_size=30), st.text(max_size=20))
def test_no_form_of_a_secret_survives(secret: str, around: str) -> None:
    """In the clear, JSON-escaped, or as a value inside another."""
    hidden = masking.Redaction([secret])
    assert secret not in hidden.text(f"{around}{secret}{around}").replace(masking.MASK, "")
    escaped = json.dumps({"a": secret})
    assert json.dumps(secret)[1:-1] not in hidden.text(escaped).replace(masking.MASK, "")
    assert hidden.value({"a": [secret]}) == {"a": [masking.MASK]}


def test_secrets_are_found_by_marks() -> None:
    """Strings and numbers at any depth; what is not marked is none, booleans and null neither."""
    value = {"a": {"b": "xxxx", "c": [1234, True, None]}, "d": "open"}
    assert sorted(masking.secrets(value, {"a": True})) == ["1234", "xxxx"]
    assert list(masking.secrets(value, {"d": False, "z": True})) == []


def test_lines_of_a_secret_are_secrets_and_short_ones_are_not() -> None:
    """A key in PEM form is cut by lines; a secret of three letters would hide every other word."""
    hidden = masking.Redaction(["BEGIN\n  abcdefgh\nEND", "the"])
    assert hidden.text("the line abcdefgh") == "the line (sensitive)"
