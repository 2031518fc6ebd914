"""Sensitive values in values and in text."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_secrets_are_found_by_marks() -> None:
    """Strings and numbers at any depth; what is not marked is none, booleans and null neither."""
    value = {"a": {"b": "xxxx", "c": [1234, True, None]}, "d": "open"}
    assert sorted(masking.secrets(value, {"a": True})) == ["1234", "xxxx"]
    assert list(masking.secrets(value, {"d": False, "z": True})) == []
