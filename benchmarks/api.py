"""The API under load from a second process: against a bare Starlette route, and during rebuilds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

from benchmarks import components
from benchmarks.api_server import ANSWERS
from benchmarks.figures import Figure
from benchmarks.http_load import Ask, Load, load
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_api.memory import ALLOCATOR
from karma_core.graph.delta import diff
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create

TITLE = "The API (32 connections, from a second process)"
CONNECTIONS: Final = 32
SECONDS: Final = 2.0
ROUNDS: Final = 3
"""Turns of ours and the bare one; the best of each counts, as they share the machine with others."""
BARE_LIMIT: Final = 1.25
"""Bare throughput over ours: at least 0.8 of it is left."""
P99_LIMIT: Final = 2.0
WARM_SECONDS: Final = 10.0
MEMORY_SECONDS: Final = 600.0 if os.environ.get("KARMA_SOAK") else 10.0
MEMORY_LIMIT: Final = 1.2
"""Ours: what the allocator keeps varies by that much."""
SETTINGS: Final = """
[environments.bench]
[api]
requests_per_second = 100000
burst = 1000000
"""
NAMED: Final = ("downstream", "upstream", "dependencies", "consumers")


def run() -> Iterator[Figure]:
    """The figures of this module."""
    for count in (1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            yield from _figures(Path(folder), count)


def _figures(root: Path, count: int) -> Iterator[Figure]:
    token = _project(root, count)
    graph, queries = [_Question("GET", "/graph")], _questions()
    with server("ours", root) as ours:
        _record(ours, root, token, [*graph, *queries])
        with server("bare", root) as bare:
            for name, asked in (("GET /graph", graph), (f"{len(queries)} common queries", queries)):
                asks = [question.ask(token) for question in asked]
                mine, theirs = _compare(ours, bare, asks)
                note = f"{mine.per_second:,.0f}/s against {theirs.per_second:,.0f}/s"
                ratio = theirs.per_second / mine.per_second
                yield Figure(f"{name}, {count:,} components", ratio, BARE_LIMIT, "of bare", note)
        yield _during_rebuilds(root, ours, [question.ask(token) for question in queries], count)
        asks = [question.ask(token) for question in queries]
        with _rebuilding(root, count):
            yield _memory(ours, asks, count)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    pid: int

    def megabytes(self) -> float:
        """Its memory, as Linux counts it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class _Question:
    """One of the questions that are asked."""

    def __init__(self, method: str, path: str, body: str = "") -> None:
        self.method, self.path, self.body = method, path, body

    @property
    def key(self) -> str:
        """Name under which its answer is recorded."""
        path, _, query = self.path.partition("?")
        return f"{path}?{query} {self.body}"

    def ask(self, token: str) -> Ask:
        """Its bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return Ask("\r\n".join([*lines, "", self.body]).encode())


def _questions() -> list[_Question]:
    addresses = [f"{components.TYPES[n % 5]}/c{n:06}" for n in (7, 60, 333)]
    questions = [_Question("GET", f"/graph/impact?component={address}") for address in addresses]
    questions += [
        _Question("POST", "/graph/query", json.dumps({"query_type": name, "parameters": {"component": a}}))
        for name in NAMED
        for a in addresses
    ]
    paths = ("?limit=20", "?type=vpc&limit=50", "?search=0001&limit=50", "?status=current&limit=100", "")
    return questions + [_Question("GET", f"/components{query}") for query in paths]


def _project(root: Path, count: int) -> str:
    """A project whose graph store holds so many components; the text of a token for it."""
    (root / "karma.toml").write_text(SETTINGS)
    workspace = open_workspace(read_settings(root), components.ENVIRONMENT, user="bench")
    graph = components.make(count)
    workspace.graph.commit(components.build_of(1, graph), diff(None, graph), components.lease())
    return create(workspace, "bench", Role.VIEWER)[1]


def _record(server: Server, root: Path, token: str, questions: Sequence[_Question]) -> None:
    """Keep what ours answers, so that the bare one can say the same."""
    answers = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as client:
        for question in questions:
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            answer = client.request(
                question.method, question.path, content=question.body.encode(), headers=headers
            )
            answer.raise_for_status()
            own = {k: v for k, v in answer.headers.items() if k not in {"content-length", "date"}}
            answers[question.key] = (own, answer.content)
    (root / ANSWERS).write_bytes(msgspec.msgpack.encode(answers))


def _compare(ours: Server, bare: Server, asks: Sequence[Ask]) -> tuple[Load, Load]:
    """(ours, the bare one), each at its best of several turns."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(_load(bare, asks))
        mine.append(_load(ours, asks))
    return _best(mine), _best(theirs)


def _load(server: Server, asks: Sequence[Ask], seconds: float = SECONDS) -> Load:
    return load(server.port, asks, connections=CONNECTIONS, seconds=seconds)


def _best(loads: Sequence[Load]) -> Load:
    return max(loads, key=lambda load: load.per_second)


def _during_rebuilds(root: Path, server: Server, asks: Sequence[Ask], count: int) -> Figure:
    """The 99th percentile while another process publishes a build every second, against the one at rest."""
    rest = [_load(server, asks) for _ in range(ROUNDS)]
    with _rebuilding(root, count):
        busy = [_load(server, asks, 2 * SECONDS) for _ in range(ROUNDS)]
    before, during = (min(load.quantile(0.99) for load in loads) for loads in (rest, busy))
    note = f"p99 {during * 1000:.0f} ms against {before * 1000:.0f} ms at rest"
    return Figure(
        f"queries during rebuilds, {count:,} components", during / before, P99_LIMIT, "of rest", note
    )


def _memory(server: Server, asks: Sequence[Ask], count: int) -> Figure:
    """Memory after a load through many builds, against that after the first of them."""
    _load(server, asks, WARM_SECONDS)
    before = server.megabytes()
    _load(server, asks, MEMORY_SECONDS)
    after = server.megabytes()
    note = f"{after:.0f} MB against {before:.0f} MB, after {MEMORY_SECONDS:.0f} s and a build a second"
    return Figure(f"memory, {count:,} components", after / before, MEMORY_LIMIT, "of before", note)


@contextmanager
def _rebuilding(root: Path, count: int) -> Iterator[None]:
    """Another process publishes a build every second."""
    publisher = subprocess.Popen([sys.executable, "-m", "benchmarks.api", str(root), str(count)])
    try:
        time.sleep(2)  # its graph is made by then
        yield
    finally:
        publisher.kill()
        publisher.wait()


def _publish_for_ever(root: Path, count: int) -> None:
    """A build every second, in each of which ten components have changed."""
    store = SqliteGraphStore(root / ".karma" / components.ENVIRONMENT / "graph.sqlite")
    graph = components.make(count)
    current = store.current(components.ENVIRONMENT)
    number = current.id if current is not None else 0
    while True:
        number += 1
        changed = tuple(msgspec.structs.replace(node, config_version=number) for node in graph.nodes[:10])
        newer = msgspec.structs.replace(graph, nodes=(*changed, *graph.nodes[10:]))
        store.commit(components.build_of(number, newer), diff(graph, newer), components.lease())
        graph = newer
        time.sleep(1)


@contextmanager
def server(kind: str, root: Path) -> Iterator[Server]:
    """A server of that kind in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [sys.executable, "-m", "benchmarks.api_server", kind, str(root), str(port)]
    server = subprocess.Popen(words, env={**os.environ, **ALLOCATOR})
    try:
        _wait(port)
        yield Server(port, server.pid)
    finally:
        server.terminate()
        server.wait()


def _wait(port: int) -> None:
    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    _publish_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
