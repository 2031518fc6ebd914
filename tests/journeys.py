"""What a request passes on its way: every call of a function of the packages, in their order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]


def passed(call: Callable[[], object]) -> list[str]:
    """Dotted names, e.g. `karma_core.walk.Walk.take`, of all that the call leads to.

    Threads count that it starts, not those that were there before.
    """
    seen: list[Any] = []
    root = f"{ROOT}/"

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            seen.append(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return [
        name for name in map(_dotted, tuple(seen)) if name.partition("_")[0] in {"karma", "flows", "tasks"}
    ]


def _dotted(code: Any) -> str:
    path = Path(code.co_filename).relative_to(ROOT).with_suffix("")
    return ".".join((*path.parts, code.co_qualname.replace(".<locals>", "")))
