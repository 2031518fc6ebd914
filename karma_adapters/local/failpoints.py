"""Ends the process with SIGKILL at a named failpoint: what a power cut or `kill -9` does, at a chosen place.

Set by `KARMA_FAILPOINT=name` or `name:nth` (the nth time that the name is reached, from 1).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Final

from karma_core import failpoints
from karma_core.errors import SettingsError

VARIABLE: Final = "KARMA_FAILPOINT"


def install(environ: Mapping[str, str]) -> None:
    """Install the failpoint that the environment asks for, if any; SettingsError if it cannot be read."""
    wanted = environ.get(VARIABLE, "")
    if not wanted:
        return
    name, _, nth = wanted.partition(":")
    if nth and not (nth.isascii() and nth.isdigit() and int(nth) > 0):
        raise SettingsError(
            f"{VARIABLE} cannot be used",
            why=f"{nth[:20]!r} is not a count from 1",
            next_step="write it as name or name:nth",
        )
    failpoints.install(_killer(name, int(nth or 1)))


def _killer(wanted: str, nth: int) -> failpoints.Hook:
    left = nth

    def hook(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook
