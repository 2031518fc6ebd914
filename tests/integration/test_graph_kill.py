"""kill -9 of a builder, at every named place of a publish and at random: invariant I1."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from gremlin_python.process.traversal import T

from karma_adapters.gremlin import queries
from karma_core import ports
from karma_core.graph.delta import digest, lineage
from karma_core.graph.history import restore
from karma_core.model import Build, Snapshot
from tests.graphs import Artifacts, random_graph
from tests.integration import gremlin_server
from tests.integration.graph_publisher import open_store

ROOT = Path(__file__).parents[2]
SOAK = os.environ.get("KARMA_SOAK") == "1"
GREMLIN = pytest.mark.xdist_group("gremlin")
SNAPSHOT = ["graph.snapshot.before_put", "graph.snapshot.after_put", "graph.commit.begin"]
BOUNDARIES = {
    "sqlite": [
        *SNAPSHOT,
        "graph.commit.after_drops",
        "graph.commit.after_nodes",
        "graph.commit.after_edges",
        "graph.commit.before_commit",
        "graph.commit.after_commit",
    ],
    "gremlin": [
        *SNAPSHOT,
        "graph.commit.marked",
        "graph.commit.after_lock",
        "graph.commit.batch",
        "graph.commit.before_commit",
        "graph.commit.after_commit",
        "graph.commit.end",
    ],
    "gremlin-staged": [
        *SNAPSHOT,
        "graph.commit.marked",
        "graph.commit.staged_part",
        "graph.commit.before_flip",
        "graph.commit.after_flip",
        "graph.commit.redo_batch",
        "graph.commit.after_redo",
        "graph.commit.end",
    ],
}
AFTER = {
    "graph.commit.after_commit",
    "graph.commit.after_flip",
    "graph.commit.redo_batch",
    "graph.commit.after_redo",
    "graph.commit.end",
}
"""Boundaries behind which the new build is the current one."""
RANDOM_KILLS = {"sqlite": (10, 100), "gremlin": (10, 200), "gremlin-staged": (5, 200)}


_numbers = itertools.count(1)


def marks(kind: str) -> list[pytest.MarkDecorator]:
    """What tests of that store are marked with."""
    return [GREMLIN] if "gremlin" in kind else []


class Reader:
    """Reads the store all the while, and keeps every graph that was not the one its build names."""

    def __init__(self, store: ports.GraphStore, environment: str) -> None:
        self.store = store
        self.environment = environment
        self.reads = 0
        self.halves: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def current(self) -> Build:
        """The current build, whose graph must be whole."""
        snapshot = self.store.load(self.environment)
        assert snapshot is not None
        assert digest(snapshot.graph) == snapshot.build.digest
        return snapshot.build

    def _poll(self) -> None:
        while not self._stop.wait(0.002):
            snapshot = self.store.load(self.environment)
            self.reads += 1
            if snapshot is not None and digest(snapshot.graph) != snapshot.build.digest:
                self.halves.append(snapshot)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class Scene:
    """An environment of a store, in which builders are started and killed."""

    store_name: str
    environment: str
    artifacts: Path

    def start(self, *, rounds: int, token: int, failpoint: str = "") -> subprocess.Popen[str]:
        """A builder that has opened the store and begins to publish."""
        arguments = [self.store_name, self.environment, str(self.artifacts), str(rounds), str(token)]
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

    def check_converged(self, token: int) -> None:
        """The next run, in one transaction, publishes; every build of the history can be restored."""
        plain = replace(self, store_name=self.store_name.removeprefix("staged+"))
        assert finish(plain.start(rounds=1, token=token)) == 0
        store = open_store(self.store_name)
        snapshot = store.load(self.environment)
        assert snapshot is not None
        seed = snapshot.build.id - 1
        assert snapshot.graph == random_graph(random.Random(seed), nodes=40, environment=self.environment)
        artifacts = Artifacts(self.artifacts)
        for build in store.builds(self.environment, limit=snapshot.build.id):
            assert digest(restore(artifacts, store, self.environment, build.id)) == build.digest
        store.close()
        if "ws://" in self.store_name:
            self._check_no_orphans(snapshot)

    def _check_no_orphans(self, snapshot: Snapshot) -> None:
        """The server holds the environment's graph, its builds and one Lock, and nothing else of it."""
        server = gremlin_server.shared()
        vertices = queries.source().V().has("environment", self.environment)
        (counts,) = server.run(vertices.group_count().by(T.label))
        changes = {"Change": len(snapshot.graph.changes)} if snapshot.graph.changes else {}
        assert counts == {
            "Component": len(snapshot.graph.nodes), "Build": snapshot.build.id, "Lock": 1, **changes
        }  # fmt: skip
        edges = queries.source().V().has("environment", self.environment).out_e().count()
        assert server.run(edges) == [len(snapshot.graph.edges) + len(lineage(snapshot.graph))]
        (lock,) = server.run(queries.read_lock(self.environment))
        assert not {"publishing", "staging", "redo"} & set(lock)


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the builder and return its exit code (negative: the signal that ended it)."""
    process.communicate()
    return process.returncode


@pytest.fixture
def scene(kind: str, tmp_path: Path) -> Scene:
    """A store with an environment that no other test has used."""
    store_name = str(tmp_path / "graph.db")
    if kind != "sqlite":
        store_name = gremlin_server.required().url
    if kind == "gremlin-staged":
        store_name = f"staged+{store_name}"
    return Scene(store_name, f"kill-{os.getpid()}-{next(_numbers)}", tmp_path / "artifacts")


@pytest.fixture
def reader(scene: Scene) -> Iterator[Reader]:
    """Polls the store during the test."""
    store = open_store(scene.store_name)
    with Reader(store, scene.environment) as started:
        yield started
    store.close()


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [pytest.param(k, b, marks=marks(k)) for k, names in BOUNDARIES.items() for b in names],
)
def test_killed_at_a_boundary(kind: str, boundary: str, scene: Scene, reader: Reader) -> None:
    """Killed at a named place of its second publish, a builder leaves the build before or the build after."""
    assert finish(scene.start(rounds=1, token=1)) == 0
    assert finish(scene.start(rounds=5, token=1, failpoint=boundary)) == -signal.SIGKILL
    assert reader.current().id == (2 if boundary in AFTER else 1)
    scene.check_converged(token=2)
    assert not reader.halves
    assert reader.reads > 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=marks(kind)) for kind in BOUNDARIES])
def test_killed_at_random(kind: str, scene: Scene, reader: Reader) -> None:
    """Killed at any moment, a builder leaves a whole graph, and the next one goes on from it."""
    source = random.Random(20261124)
    kills = RANDOM_KILLS[kind][SOAK]
    for turn in range(1, kills + 1):
        process = scene.start(rounds=10_000, token=turn)
        time.sleep(source.uniform(0, 0.1 if kind == "sqlite" else 0.5))
        process.kill()
        assert finish(process) == -signal.SIGKILL
    scene.check_converged(token=kills + 1)
    assert not reader.halves
    assert reader.reads > kills
