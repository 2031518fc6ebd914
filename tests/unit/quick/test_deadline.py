"""After the deadline no test is begun, and it is said what was left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.quick import deadline
from tests.quick.selection import ROOT


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (600, ["2 passed"]),
        (-1, ["2 not begun", "The time is over: 1 files of tests were not run to their end.", "`make test`"]),
    ],
)
def test_what_is_left_is_counted_by_itself(seconds: int, said: list[str], tmp_path: Path) -> None:
    """Neither passed nor skipped; the run does not fail for it."""
    file = tmp_path / "test_two.py"
    file.write_text("def test_one(): pass\ndef test_two(): pass\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", deadline.__name__, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), deadline.VARIABLE: str(time.time() + seconds)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert all(words in ran.stdout for words in said), ran.stdout
    assert "skipped" not in ran.stdout
