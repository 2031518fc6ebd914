"""The tests of the judgement notice every fault that is seeded into it.

Three faults by default; all with KARMA_SOAK=1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.judgement_mutants import MUTANTS, VARIABLE

ROOT = Path(__file__).parents[5]
FOLDER = "tests/unit/karma_core"
TESTS = (
    f"{FOLDER}/use_cases/changes/test_judgement.py",
    f"{FOLDER}/changes",
    f"{FOLDER}/use_cases/configs/test_publish_judgement.py",
    f"{FOLDER}/use_cases/changes/test_rollback.py",
    f"{FOLDER}/use_cases/changes/test_life.py",
)
SEEDED = sorted(MUTANTS) if os.environ.get("KARMA_SOAK") == "1" else sorted(MUTANTS)[::8]


def run_tests(mutant: str) -> subprocess.CompletedProcess[str]:
    """The tests, up to the first failure, with a fault seeded (none: empty)."""
    words = ["-q", "-x", "-p", "no:cacheprovider", "-p", "tests.judgement_mutants"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, *TESTS],
        cwd=ROOT,
        env={**os.environ, VARIABLE: mutant},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.soak
@pytest.mark.parametrize("mutant", SEEDED)
def test_a_fault_in_the_judgement_is_noticed(mutant: str) -> None:
    """A test fails, and it is a test that fails, not the run."""
    ran = run_tests(mutant)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout[-2000:]
    assert "1 failed" in ran.stdout
    assert "error" not in ran.stdout.splitlines()[-1]


def test_without_a_fault_they_pass() -> None:
    """The same run, unharmed, is green: what fails above fails because of the fault."""
    ran = run_tests("")
    assert ran.returncode == pytest.ExitCode.OK, ran.stdout[-2000:]
