"""Masking of sensitive values: marked by Terraform, replaced in values and in text.

A mark mirrors the shape of a value: `true` says that everything there is sensitive, objects and lists say it
part by part (JSON output format: `before_sensitive`, `after_sensitive`, `sensitive_values`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from karma_core.json_types import JsonValue

MASK: Final = "(sensitive)"
SHORTEST: Final = 4
"""Shorter secrets are not looked for in text: every other word would match."""


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
        yield from _leaves(value)
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


class Redaction:
    """Replaces known secrets: in plain text, JSON-escaped, or line by line; the longest first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """Return the text with the secrets masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: JsonValue) -> JsonValue:
        """Return a JSON value with the secrets masked in every string."""
        if self._pattern is None:
            return value
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, str):
            return self.text(value)
        return value


def _leaves(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield from (line.strip() for line in value.splitlines())


def _padded(marks: list[JsonValue], length: int) -> list[JsonValue]:
    return (marks + [None] * length)[:length]
