"""The command line: the CPU that `karma --help` costs, and what it and the reading commands load."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure
from karma_adapters.wiring.scaffold import start_project

TITLE = "command line"
HELP_LIMIT = 0.25
"""Seconds of CPU, user and system, the interpreter's own start included."""
HEAVY = ("prefect", "boto3")
ROOT = Path(__file__).parents[1]
TIMES = 8


def run() -> Iterator[Figure]:
    """The figures of this module."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        start_project(project, "dev")
        for words in (["config", "publish"], ["graph", "build"]):
            _call([sys.executable, "-m", "karma_cli", *words], project)
        seconds = min(_cpu([sys.executable, "-m", "karma_cli", "--help"], project) for _ in range(TIMES))
        bare = min(_cpu([sys.executable, "-c", "pass"], project) for _ in range(TIMES))
        note = f"the interpreter alone: {bare:.3f}"
        yield Figure("karma --help", seconds, HELP_LIMIT, "s of CPU", note)
        for words in (["--help"], ["graph", "show"], ["plan", "--all"]):
            loaded = _loaded(words, project)
            name = f"heavy packages that `karma {' '.join(words)}` loads"
            yield Figure(name, len(loaded), 0, "packages", ", ".join(loaded))


def _call(words: Sequence[str], project: Path) -> str:
    """Run a command in a project; its standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        words, cwd=project, env=environment, check=True, capture_output=True, text=True
    ).stderr


def _cpu(words: Sequence[str], project: Path) -> float:
    """Seconds of CPU of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _call(words, project)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _loaded(words: Sequence[str], project: Path) -> list[str]:
    """Which of the heavy packages a call imports."""
    lines = _call([sys.executable, "-X", "importtime", "-m", "karma_cli", *words], project).splitlines()
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if "|" in line}
    return sorted(names & set(HEAVY))
