"""kill -9 of a builder, at every named place of a publish and at random: invariant I1."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gremlin_python.process.traversal import T

from karma_adapters.gremlin import queries
from karma_core import ports
from karma_core.graph.delta import digest
from karma_core.graph.history import restore
from karma_core.model import Snapshot
from tests.graphs import Artifacts, random_graph
from tests.integration import gremlin_server
from tests.integration.graph_publisher import open_store

ROOT = Path(__file__).parents[2]
SOAK = os.environ.get("KARMA_SOAK") == "1"
GREMLIN = pytest.mark.xdist_group("gremlin")
SNAPSHOT = ["graph.snapshot.before_put", "graph.snapshot.after_put", "graph.publish.begin"]
BOUNDARIES = {
    "sqlite": [
        *SNAPSHOT,
        "graph.publish.after_drops",
        "graph.publish.after_nodes",
        "graph.publish.after_edges",
        "graph.publish.before_commit",
        "graph.publish.after_commit",
    ],
    "gremlin": [
        *SNAPSHOT,
        "graph.publish.marked",
        "graph.publish.after_lock",
        "graph.publish.batch",
        "graph.publish.before_commit",
        "graph.publish.after_commit",
        "graph.publish.end",
    ],
    "gremlin-staged": [
        *SNAPSHOT,
        "graph.publish.staged_part",
        "graph.publish.before_flip",
        "graph.publish.after_flip",
        "graph.publish.redo_batch",
        "graph.publish.after_redo",
        "graph.publish.end",
    ],
}
AFTER = {
    "graph.publish.after_commit",
    "graph.publish.after_flip",
    "graph.publish.redo_batch",
    "graph.publish.after_redo",
    "graph.publish.end",
}
"""Boundaries behind which the new build is the current one."""
RANDOM_KILLS = {"sqlite": (10, 100), "gremlin": (10, 200), "gremlin-staged": (5, 200)}


def marks(kind: str) -> list[pytest.MarkDecorator]:
    """What tests of that store are marked with."""
    return [GREMLIN] if "gremlin" in kind else []


class Reader:
    """Reads the store all the while, and keeps every graph that was not the one its build names."""

    def __init__(self, store: ports.GraphStore) -> None:
        self.store = store
        self.reads = 0
        self.halves: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def _poll(self) -> None:
        while not self._stop.is_set():
            found = self.store.load("prod")
            self.reads += 1
            if found is not None and digest(found.graph) != found.build.digest:
                self.halves.append(found)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def store_name(kind: str, tmp_path: Path) -> str:
    """Where the store is, empty."""
    if kind == "sqlite":
        return str(tmp_path / "graph.db")
    url = gremlin_server.required().url
    return f"staged+{url}" if kind == "gremlin-staged" else url


@pytest.fixture
def reader(store_name: str) -> Iterator[Reader]:
    """Polls the store during the test."""
    store = open_store(store_name)
    with Reader(store) as found:
        yield found
    store.close()


def start(
    store_name: str, tmp_path: Path, *, rounds: int, token: int, failpoint: str = ""
) -> subprocess.Popen[str]:
    """A builder that has opened the store and begins to publish."""
    arguments = [store_name, str(tmp_path / "artifacts"), str(rounds), str(token)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.graph_publisher", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KARMA_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the builder and return its exit code (negative: the signal that ended it)."""
    process.communicate()
    return process.returncode


def check_converged(store_name: str, tmp_path: Path, token: int) -> None:
    """The next run publishes, and every build of the history can be restored."""
    assert finish(start(store_name, tmp_path, rounds=1, token=token)) == 0
    store = open_store(store_name)
    found = store.load("prod")
    assert found is not None
    assert found.graph == random_graph(random.Random(found.build.id - 1), nodes=40)
    artifacts = Artifacts(tmp_path / "artifacts")
    for build in store.builds("prod", limit=found.build.id):
        assert digest(restore(artifacts, store, "prod", build.id)) == build.digest
    store.close()
    if "ws://" in store_name:
        check_no_orphans(found)


def check_no_orphans(found: Snapshot) -> None:
    """The server holds the graph, its builds and one Lock, and nothing else."""
    server = gremlin_server.shared()
    vertices = server.run(queries.source().V().group_count().by(T.label))[0]
    assert vertices == {"Component": len(found.graph.nodes), "Build": found.build.id, "Lock": 1}
    assert server.run(queries.source().E().count()) == [len(found.graph.edges)]
    (lock,) = server.run(queries.read_lock("prod"))
    assert not {"publishing", "staging", "redo"} & set(lock)


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [pytest.param(k, b, marks=marks(k)) for k, names in BOUNDARIES.items() for b in names],
)
def test_killed_at_a_boundary(
    kind: str, boundary: str, store_name: str, reader: Reader, tmp_path: Path
) -> None:
    """Killed at a named place of its second publish, a builder leaves the build before or the build after."""
    assert finish(start(store_name, tmp_path, rounds=1, token=1)) == 0
    process = start(store_name, tmp_path, rounds=5, token=1, failpoint=boundary)
    assert finish(process) == -signal.SIGKILL
    current = reader.store.current("prod")
    assert current is not None
    assert current.id == (2 if boundary in AFTER else 1)
    found = reader.store.load("prod")
    assert found is not None
    assert digest(found.graph) == current.digest
    check_converged(store_name, tmp_path, token=2)
    assert not reader.halves
    assert reader.reads > 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=marks(kind)) for kind in BOUNDARIES])
def test_killed_at_random(kind: str, store_name: str, reader: Reader, tmp_path: Path) -> None:
    """Killed at any moment, a builder leaves a whole graph, and the next one goes on from it."""
    source = random.Random(20261124)
    kills = RANDOM_KILLS[kind][SOAK]
    for turn in range(1, kills + 1):
        process = start(store_name, tmp_path, rounds=10_000, token=turn)
        time.sleep(source.uniform(0, 0.1 if kind == "sqlite" else 0.5))
        process.kill()
        assert finish(process) == -signal.SIGKILL
    check_converged(store_name, tmp_path, token=kills + 1)
    assert not reader.halves
    assert reader.reads > kills
