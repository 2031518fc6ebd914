"""How long a zip's function takes to load in an interpreter that knows nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

_TIMED: Final = """
import sys, time
sys.path.insert(0, {place!r})
began = time.perf_counter()
{statement}
print(time.perf_counter() - began)
"""


def load_seconds(path: Path, statement: str, *, times: int = 3) -> float | None:
    """The fastest of some runs of a statement that loads what is in the zip; None where it fails."""
    with tempfile.TemporaryDirectory() as place:
        unpack(path, Path(place))
        timings = [statement_seconds(Path(place), statement) for _ in range(times)]
    return min((seconds for seconds in timings if seconds is not None), default=None)


def unpack(path: Path, place: Path) -> None:
    """The zip's files, as Lambda lays them out."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(place)


def statement_seconds(place: Path, statement: str) -> float | None:
    """How long the statement takes in a new interpreter that sees only `place`; None where it fails.

    Without site packages, and without writing byte code: /var/task can only be read.
    """
    text = _TIMED.format(place=str(place), statement=statement)
    words = [sys.executable, "-I", "-S", "-B", "-c", text]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return float(ended.stdout) if ended.returncode == 0 else None
