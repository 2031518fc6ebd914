"""A whole publication on the embedded stores: load, build, validate, publish against F; and doing nothing."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import corpus, floor
from benchmarks.figures import Figure, best_of
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.graph.build import build_graph
from karma_core.workspace import Workspace

TITLE = "publication (embedded stores)"
SIZES = (1_000, 10_000, 100_000)
LIMIT = 3.0
"""Times F."""
GROWTH_LIMIT = 20.0
"""Times as long for ten times as many components."""
MEMORY_LIMIT = 1.5
"""GB of resident memory for 100,000 components."""
UNCHANGED_FACTOR, UNCHANGED_SECONDS = 3, 0.050


def run() -> Iterator[Figure]:
    """The figures of this module."""
    seconds = {}
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            base = corpus.write(root, count)
            workspace = _open(root)
            publish(workspace)
            times = 5 if count < 100_000 else 2  # noqa: PLR2004 - the largest
            read, sort, insert, made = best_of(
                times, *floor.parts(base, root, count), partial(_build_anew, root)
            )
            seconds[count] = made
            least = read + sort + insert
            note = f"{made * 1000:,.0f} ms against F = {least * 1000:,.0f} ms"
            yield Figure(f"load, build, validate, publish, {count:,}", made / least, LIMIT, "F", note)
            yield from _unchanged(root, base, count)
            if count == SIZES[-1]:
                yield _memory(root)
    growth = seconds[100_000] / seconds[10_000]
    yield Figure("100,000 against 10,000 components", growth, GROWTH_LIMIT, "times")


def _open(root: Path) -> Workspace:
    return open_workspace(read_settings(root), "bench", user="bench")


def _build_anew(root: Path) -> None:
    """The first build of an environment: there is no graph yet."""
    folder = root / ".karma" / "bench"
    for old in folder.glob("graph.sqlite*"):
        old.unlink()
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    workspace = _open(root)
    result = build_graph(workspace)
    if result.status != "published":
        raise SystemExit(f"the build was not published: {result.status}")
    workspace.graph.close()


def _unchanged(root: Path, base: Path, count: int) -> Iterator[Figure]:
    """Publish and build where nothing changed, in process, against walking and looking at every file."""
    workspace = _open(root)
    before = (workspace.parameters.revision(), workspace.graph.current("bench"))

    def again() -> None:
        publish(workspace)
        build_graph(workspace)

    walk, idle = best_of(5, lambda: _walk(base), again)
    limit = UNCHANGED_FACTOR * walk + UNCHANGED_SECONDS
    note = f"{idle * 1000:,.0f} ms; walk and stat {walk * 1000:,.0f} ms; limit 3 walks + 50 ms"
    yield Figure(f"publish and build, nothing changed, {count:,}", idle / limit, 1.0, "limit", note)
    same = before == (workspace.parameters.revision(), workspace.graph.current("bench"))
    yield Figure(f"writes where nothing changed, {count:,}", 0 if same else 1, 0, "writes")


def _walk(base: Path) -> int:
    """Walk to every config file and stat it."""
    seen = 0
    with os.scandir(base) as types:
        for component_type in types:
            with os.scandir(component_type.path) as nicknames:
                for nickname in nicknames:
                    seen += os.stat(nickname.path + "/config.json").st_size > 0  # noqa: PTH116 - the floor
    return seen


def _memory(root: Path) -> Figure:
    """Peak resident memory of a process that makes the largest build."""
    code = f"from benchmarks.publication import peak; print(peak({str(root)!r}))"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return Figure("peak memory, 100,000", float(ended.stdout), MEMORY_LIMIT, "GB")


def peak(root: str) -> float:
    """Build in this process and return its peak resident memory in GB."""
    _build_anew(Path(root))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
