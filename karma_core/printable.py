"""Texts for terminals: control characters are shown, never sent.

A value that somebody else wrote (a config, an author's name, what Terraform said) could otherwise move the
cursor, recolour or hide what was printed, set a window's title, or turn the direction of what follows.
"""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"  # directions, separators, BOM
)


def printable(text: str) -> str:
    r"""The text with each control character as `\u001b` is written in JSON; tabs and newlines stay.

    A JSON text keeps its meaning: such characters stand only in its strings.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
