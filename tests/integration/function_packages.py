"""The functions' zips, compressed once for a run of all tests: who is first makes them, the others copy."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Mapping
from pathlib import Path

from karma_lambda.packaging.__main__ import CACHE, build

KEPT = CACHE / "zips"


def packed(folder: Path, functions: list[str] | None = None) -> Mapping[str, Path]:
    """What a build of these functions (default: all) writes, in `folder`; the zips by name.

    The build itself keeps a zip only where its sources are still the same.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = build(KEPT, functions)
        for path in (*made.values(), KEPT / "functions.json"):
            shutil.copy(path, folder)
    return {name: folder / path.name for name, path in made.items()}
