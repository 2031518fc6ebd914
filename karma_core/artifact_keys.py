"""The form of an artifact's key: parts of allowed characters between `/`, never leaving the root."""

from __future__ import annotations

import re
from typing import Final

from karma_core.errors import BadInput, Conflict
from karma_core.ids import shown

MAX_KEY: Final = 1024
"""Longest key in bytes (Amazon S3, object key names); keys are ASCII."""
KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:=@+-]{0,199}(?:/[A-Za-z0-9_][A-Za-z0-9._:=@+-]{0,199})*\Z")
"""Parts begin with a letter, digit or _ (no `..`, hidden or option-like names); 200 fits any file system."""


def check_key(key: str) -> str:
    """The key, or BadInput `invalid-name`."""
    if len(key) > MAX_KEY or not KEY.match(key):
        raise BadInput(
            f"{shown(key)!r} is not an artifact's key",
            why=f"a key has parts of A-Z a-z 0-9 . _ : = @ + - between slashes, at most {MAX_KEY} in all",
            next_step="correct the key",
            code="invalid-name",
        )
    return key


def listing_prefix(prefix: str) -> str:
    """Return the text that all keys below a prefix begin with; the empty prefix covers all keys."""
    return check_key(prefix.rstrip("/")) + "/" if prefix else ""


def already_other(key: str) -> Conflict:
    """Return the error for a key that holds other content already."""
    return Conflict(
        f"the artifact {key} exists with other content",
        why="artifacts are immutable: they are evidence",
        next_step="store the new content under another key",
        key=key,
    )
