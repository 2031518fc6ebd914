"""What a caller notices while others do their worst: hubs, unbounded Gremlin, streams, half-sent requests."""

from __future__ import annotations

import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from benchmarks import components
from benchmarks.api import SETTINGS, Server, server
from benchmarks.figures import Figure
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_api.app import TIDY_SECONDS
from karma_core.graph.delta import diff, make_graph
from karma_core.model import Component, Edge, GraphData, Kind, Status
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create

TITLE = "Another caller while one does its worst (3,000 components on one hub)"
COUNT: Final = 3_000
ASKED: Final = 100
"""Requests of the caller that is measured, for each figure and round."""
ROUNDS: Final = 3
LEAST_SECONDS: Final = 0.1
"""Below this a wait is not noticed; the limit is the larger of it and three times that at rest."""
MEMORY_LIMIT: Final = 1.2
HUB: Final = "vpc/hub"
PATHS: Final = "g.V().both().both().both().path().dedup().count()"
NESTED: Final = (
    '{ component(id: "vpc/hub") { consumers { component { producers { component { consumers '
    "{ component { id status } } } } } } } }"
)
LARGEST: Final = (
    '{ component(id: "vpc/hub") { consumers { via keys component { id status type nickname } } } }'
)
"""About what one query may cost; the one above is refused."""


def run() -> Iterator[Figure]:
    """The figures of this module."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = _project(Path(folder))
        with server("ours", Path(folder)) as running:
            before = _settled(running, tokens)
            for path in ("/graph", "/log?limit=20"):
                yield _figure(running, tokens, path)
            after = _settled(running, tokens)
            note = f"{after:.0f} MB against {before:.0f} MB before"
            yield Figure("memory afterwards", after / before, MEMORY_LIMIT, "of before", note)


def _figure(running: Server, tokens: dict[Role, str], path: str) -> Figure:
    rest, busy = [], []
    for _ in range(ROUNDS):
        rest.append(_p99(running, tokens[Role.ADMIN], path))
        with _worst(running, tokens):
            time.sleep(1)
            busy.append(_p99(running, tokens[Role.ADMIN], path))
        time.sleep(2)
    calm, under = statistics.median(rest), statistics.median(busy)
    floor = max(3 * calm, LEAST_SECONDS)
    note = f"p99 {under * 1000:.0f} ms, {calm * 1000:.0f} ms at rest; at most {floor * 1000:.0f} ms"
    return Figure(f"GET {path}", under / floor, 1.0, "of the limit", note)


def _project(root: Path) -> dict[Role, str]:
    """A project with a hub; a token of each role, of a person each."""
    (root / "karma.toml").write_text(SETTINGS)
    workspace = open_workspace(read_settings(root), components.ENVIRONMENT, user="bench")
    graph = _hub()
    workspace.graph.commit(components.build_of(1, graph), diff(None, graph), components.lease())
    return {role: create(workspace, f"{role}@example.org", role)[1] for role in Role}


def _hub() -> GraphData:
    addresses = [HUB, *(f"ecs-service/n{n}" for n in range(COUNT))]
    nodes = tuple(
        Component(
            address=address,
            type=address.split("/")[0],
            nickname=address.split("/")[1],
            environment=components.ENVIRONMENT,
            status=Status.CURRENT,
            config_path=f"/iac/{address}/config",
            config_version=1,
            runtime_path=f"/iac/{address}/runtime",
        )
        for address in sorted(addresses)
    )
    edges = tuple(
        Edge(source=address, target=HUB, kind=Kind.DEPENDS_ON, via=("key",), pointers=("/vpc",))
        for address in sorted(addresses[1:])
    )
    return make_graph(nodes, edges)


def _p99(running: Server, token: str, path: str) -> float:
    seconds = []
    with _client(running, token) as client:
        for _ in range(ASKED):
            began = time.perf_counter()
            answer = client.get(path)
            seconds.append(time.perf_counter() - began)
            answer.raise_for_status()
    return statistics.quantiles(seconds, n=100)[98]


def _settled(running: Server, tokens: dict[Role, str]) -> float:
    """Megabytes after every kind of question was asked once, and some time."""
    with _client(running, tokens[Role.OPERATOR]) as client:
        for path in ("/graph", "/log?limit=20"):
            client.get(path)
        for query in (NESTED, LARGEST):
            client.post("/graphql", json={"query": query})
        client.post("/graph/query", json={"gremlin": "g.V().count()"})
    time.sleep(2 * TIDY_SECONDS)
    return running.megabytes()


@contextmanager
def _worst(running: Server, tokens: dict[Role, str]) -> Iterator[None]:
    """A viewer asks hubs and opens streams, an operator sends Gremlin without end, somebody half requests."""
    stop = threading.Event()
    viewer, operator = tokens[Role.VIEWER], tokens[Role.OPERATOR]
    bodies = [("/graphql", viewer, {"query": query}) for query in (NESTED, LARGEST)] * 5 + [
        ("/graph/query", operator, {"gremlin": PATHS})
    ] * 40
    threads = [_thread(_asker(running, *asked, stop)) for asked in bodies]
    with ExitStack() as stack:
        for half in [b"GET /graph HTTP/1.1\r\nhost: x\r\nx-slow: "] * 300 + [_stream(viewer)] * 100:
            connection = socket.create_connection(("127.0.0.1", running.port), timeout=10)
            stack.callback(connection.close)
            with suppress(OSError):
                connection.sendall(half)
        yield
        stop.set()
    for thread in threads:
        thread.join(timeout=20)


def _asker(
    running: Server, path: str, token: str, body: dict[str, str], stop: threading.Event
) -> Callable[[], None]:
    def ask() -> None:
        with _client(running, token) as client:
            while not stop.is_set():
                with suppress(httpx.HTTPError):
                    client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})

    return ask


def _stream(token: str) -> bytes:
    return f"GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()


def _thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _client(running: Server, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(
        base_url=f"http://127.0.0.1:{running.port}", headers=headers, timeout=15, trust_env=False
    )
