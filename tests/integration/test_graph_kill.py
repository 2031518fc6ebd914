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

from karma_core import ports
from karma_core.graph.delta import digest
from karma_core.graph.history import restore
from tests.graphs import Artifacts, random_graph
from tests.integration.graph_publisher import open_store

ROOT = Path(__file__).parents[2]
RANDOM_KILLS = 100 if os.environ.get("KARMA_SOAK") == "1" else 10
BOUNDARIES = [
    "graph.snapshot.before_put",
    "graph.snapshot.after_put",
    "graph.publish.begin",
    "graph.publish.after_drops",
    "graph.publish.after_nodes",
    "graph.publish.after_edges",
    "graph.publish.before_commit",
    "graph.publish.after_commit",
]


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
def store_name(tmp_path: Path) -> str:
    """Where the store is."""
    return str(tmp_path / "graph.db")


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
    for build in store.builds("prod"):
        assert digest(restore(artifacts, store, "prod", build.id)) == build.digest
    store.close()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_killed_at_a_boundary(boundary: str, store_name: str, reader: Reader, tmp_path: Path) -> None:
    """Killed at a named place of its second publish, a builder leaves the build before or the build after."""
    process = start(store_name, tmp_path, rounds=5, token=1, failpoint=f"{boundary}:2")
    assert finish(process) == -signal.SIGKILL
    current = reader.store.current("prod")
    assert current is not None
    assert current.id == (2 if boundary == "graph.publish.after_commit" else 1)
    check_converged(store_name, tmp_path, token=2)
    assert not reader.halves
    assert reader.reads > 0


@pytest.mark.soak
def test_killed_at_random(store_name: str, reader: Reader, tmp_path: Path) -> None:
    """Killed at any moment, a builder leaves a whole graph, and the next one goes on from it."""
    source = random.Random(20261124)
    for turn in range(1, RANDOM_KILLS + 1):
        process = start(store_name, tmp_path, rounds=10_000, token=turn)
        time.sleep(source.uniform(0, 0.1))
        process.kill()
        assert finish(process) == -signal.SIGKILL
    check_converged(store_name, tmp_path, token=RANDOM_KILLS + 1)
    assert not reader.halves
    assert reader.reads > RANDOM_KILLS
