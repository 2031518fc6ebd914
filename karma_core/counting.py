"""Counts and lists of names, as messages say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_LISTED: Final = 5
"""Most names listed in a message. Ours."""


def counted(count: int, one: str, several: str) -> str:
    """`1 config is`, `3 configs are`: the number with the words that go with it."""
    return f"{count} {one if count == 1 else several}"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are: `a/1, a/2, a/3, a/4, a/5 and 7 more`."""
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
