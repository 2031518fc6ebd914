"""Masking of the values that Terraform marks sensitive.

A mark mirrors the shape of a value: `true` says that everything there is sensitive, objects and lists say it
part by part (JSON output format: `before_sensitive`, `after_sensitive`, `sensitive_values`).
"""

from __future__ import annotations

from collections.abc import Iterator

from karma_core.json_types import JsonValue
from karma_core.masking.masker import MASK, leaves_of


def masked(value: JsonValue, marks: JsonValue) -> JsonValue:
    """The value with everything that is marked replaced by MASK; null stays null."""
    if marks is True:
        return None if value is None else MASK
    if isinstance(marks, dict) and isinstance(value, dict):
        return {key: masked(item, marks.get(key)) for key, item in value.items()}
    if isinstance(marks, list) and isinstance(value, list):
        return [masked(item, mark) for item, mark in zip(value, _padded(marks, len(value)), strict=True)]
    return value


def secrets(value: JsonValue, marks: JsonValue = True) -> Iterator[str]:
    """The marked strings and numbers in a value."""
    if marks is True:
        yield from leaves_of(value)
    elif isinstance(marks, dict) and isinstance(value, dict):
        for key, mark in marks.items():
            yield from secrets(value.get(key), mark)
    elif isinstance(marks, list) and isinstance(value, list):
        for item, mark in zip(value, marks, strict=False):
            yield from secrets(item, mark)


def is_marked(marks: JsonValue) -> bool:
    """Whether anything in a mark (or in `after_unknown`, which has the same shape) is true."""
    if isinstance(marks, dict):
        return any(is_marked(mark) for mark in marks.values())
    if isinstance(marks, list):
        return any(is_marked(mark) for mark in marks)
    return marks is True


def _padded(marks: list[JsonValue], length: int) -> list[JsonValue]:
    return (marks + [None] * length)[:length]
