"""The Lambda functions: size, time to load and to answer first, and what a call costs over its use case."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Final

from benchmarks import cold_answer
from benchmarks.figures import Figure, best_of
from karma_api.access import Caller
from karma_api.dispatch import answer
from karma_api.exchange import Incoming
from karma_api.resources import builds
from karma_core.roles import Role
from karma_lambda.entry import serve
from karma_lambda.packaging import cold
from karma_lambda.packaging.__main__ import MOST_BYTES, ROOT, build
from karma_lambda.settings import FunctionSettings
from tests.api_doors import http_api_event
from tests.contract.test_api import functions_of
from tests.served_system import ServedSystem

TITLE = "Lambda functions"
COLD_LIMIT, OVERHEAD_LIMIT_MS = 1.3, 1.0
CALLS: Final = 200
LOADS: Final = 5
CLIENTS: Final = "import boto3, gremlin_python.driver.client, gremlin_python.driver.aiohttp.transport"
"""boto3 and the Gremlin client with the transport that it cannot do without, from the same zip."""
SCHEMA: Final = "from karma_lambda.functions import graphql; import karma_api.graphql.execution"


def run() -> Iterator[Figure]:
    """The figures of this module; sizes and loading are left out where packages cannot be fetched."""
    try:
        zips = build(ROOT / "build" / "lambda")
    except subprocess.CalledProcessError:
        zips = {}
    for name, path in zips.items():
        yield Figure(f"{name}.zip", path.stat().st_size / 1e6, MOST_BYTES / 1e6, "MB")
    for name, path in zips.items():
        with _unpacked(path) as place:
            yield _cold(name, place)
    if zips:
        with _unpacked(zips[cold_answer.FUNCTION]) as place:
            yield cold_answer.figure(place)
        with _unpacked(zips["graphql"]) as place:
            yield _schema(place)
    yield from _overhead()


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        cold.unpack(path, Path(place))
        yield Path(place)


def _cold(name: str, place: Path) -> Figure:
    """Both from the same zip, with its byte code, in turns; the fastest of each counts."""
    floors, ours = [], []
    for _ in range(LOADS):
        floors.append(cold.statement_seconds(place, CLIENTS))
        ours.append(cold.statement_seconds(place, f"from karma_lambda.functions import {name}"))
    floor, own = (min(s for s in times if s is not None) for times in (floors, ours))
    note = f"{own:.2f} s; boto3 and the Gremlin client alone {floor:.2f} s"
    return Figure(f"{name}: cold import", own / floor, COLD_LIMIT, "x clients", note)


def _schema(place: Path) -> Figure:
    """What the first GraphQL query of a container waits for."""
    seconds = cold.statement_seconds(place, SCHEMA)
    without = cold.statement_seconds(place, "from karma_lambda.functions import graphql")
    return Figure("graphql: the library, at the first query", (seconds or 0) - (without or 0), None, "s", "")


def _overhead() -> Iterator[Figure]:
    """A warm call against its handler, and against the service's own dispatch, on stores in memory."""
    system = ServedSystem(plans_here=False)
    services = functions_of(system)
    service = services.of(None)
    route = next(route for route in builds.ROUTES if route.name == "builds")
    handler = serve(builds.ROUTES, read=lambda: FunctionSettings(project={}), open_all=lambda _: services)
    token = {"authorization": f"Bearer {system.tokens[Role.VIEWER]}"}
    event = http_api_event("GET /builds", "GET", "/builds", {}, token, b"")
    caller = Caller(user="bench", role=Role.VIEWER)
    asked = route.asked()
    incoming = Incoming(headers=token)

    with redirect_stdout(StringIO()):  # each call writes a line of metrics
        use_case, dispatched, called = best_of(
            5,
            _repeated(lambda: route.handler(service, caller, asked)),
            _repeated(lambda: answer(services, route, incoming)),
            _repeated(lambda: handler(event, None)),
        )
    system.close()
    milliseconds = [1000 * seconds / CALLS for seconds in (use_case, dispatched, called)]
    note = (
        f"use case {milliseconds[0]:.3f}, dispatch {milliseconds[1]:.3f}, function {milliseconds[2]:.3f} ms"
    )
    yield Figure(
        "warm call over the use case", milliseconds[2] - milliseconds[0], OVERHEAD_LIMIT_MS, "ms", note
    )


def _repeated(call: Callable[[], object]) -> Callable[[], object]:
    def work() -> None:
        for _ in range(CALLS):
            call()

    return work
