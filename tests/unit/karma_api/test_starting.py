"""What the API loads when it starts, and its access log."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Match

from karma_api import access_log
from karma_api.dispatch import answer, answer_at_once, user_of
from karma_api.exchange import Incoming
from karma_api.routes import ROUTES
from karma_api.service import Service, Services
from karma_core.roles import Role
from tests.served_system import ServedSystem

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("module", "unloaded"),
    [
        ("karma_api.server", ["prefect", "fastapi", "strawberry", "boto3", "gremlin_python", "typer"]),
        (
            "karma_api.routes",
            ["prefect", "fastapi", "starlette", "uvicorn", "strawberry", "prometheus_client"],
        ),
        ("karma_api.resources.graph", ["prefect", "fastapi", "starlette", "boto3", "sqlite3"]),
    ],
)
def test_starting_loads_no_more_than_it_needs(module: str, unloaded: list[str]) -> None:
    """Prefect never; a function without the server's libraries."""
    code = f"import sys, {module}; print([m for m in {unloaded!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_routes_with_kept_answers_are_searched_first(served: ServedSystem) -> None:
    """The framework tries route after route: what is asked most and costs least is not kept waiting."""
    kept = {(route.path, route.name) for route in ROUTES if route.cached}
    first = [(route.path, route.name) for route in served.app.routes[: len(kept)]]
    assert set(first) == kept
    assert kept


def test_no_placeholder_takes_a_fixed_path(served: ServedSystem) -> None:
    """Each path without placeholders reaches the route that declares it, in whatever order they stand."""
    for route in ROUTES:
        if "{" not in route.path:
            scope = {"type": "http", "method": route.method, "path": route.path, "headers": []}
            matching = (served_as.name for served_as in served.app.routes if reaches(served_as, scope))
            assert next(matching) == route.name


def reaches(served_as: BaseRoute, scope: dict[str, Any]) -> bool:
    """Whether a route answers that method and path."""
    return served_as.matches(scope)[0] is Match.FULL


def test_the_access_log_has_every_request(
    served: ServedSystem, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads and refusals, who and what, without any token; silent unless it is switched on."""
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(access_log.LOGGER, name, getattr(access_log.LOGGER, name))
    served.get("/whoami")
    assert capsys.readouterr().err == ""
    access_log.switch_on()
    served.get("/graph/impact?component=a/one")
    served.get("/whoami", None)
    served.get("/events?topic=odd")
    with served.http.stream("GET", "/events", headers=served.headers(Role.VIEWER)):
        pass
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    logging.getLogger("karma.access").setLevel(logging.NOTSET)
    assert [(line["route"], line["status"], line["user"]) for line in lines] == [
        ("graph-impact", 200, "viewer@example.org"),
        ("whoami", 401, ""),
        ("events", 400, "viewer@example.org"),
        ("events", 200, "viewer@example.org"),
    ]
    assert lines[0]["query"] == [["component", "a/one"]]
    assert "karma_id" not in str(lines)


def test_the_event_loop_opens_no_environment(served: ServedSystem) -> None:
    """Opening connects to stores; what is answered at once, and the access log, wait for nobody."""
    opened: list[str] = []

    def open_one(name: str) -> Service:
        opened.append(name)
        return served.service

    services = Services(("test",), "test", open_one)
    incoming = Incoming(headers=served.headers(Role.VIEWER))
    graph = next(route for route in ROUTES if route.name == "graph")
    assert answer_at_once(services, graph, incoming) is None
    assert user_of(services, incoming) == ""
    assert opened == []
    assert answer(services, graph, incoming).status == 200
    assert answer_at_once(services, graph, incoming) is not None
    assert user_of(services, incoming) == "viewer@example.org"


def test_an_environment_that_cannot_be_opened_keeps_no_other_waiting(served: ServedSystem) -> None:
    """Its stores may take a minute to fail, and each request for it tries anew."""
    gate, begun = threading.Event(), threading.Event()

    def open_one(name: str) -> Service:
        if name == "slow":
            begun.set()
            gate.wait(60)
        return served.service

    services = Services(("slow", "test"), "test", open_one)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(services.of, "slow")
        begun.wait(10)
        try:
            assert pool.submit(services.of, "test").result(20) is served.service
        finally:
            gate.set()
        assert slow.result(20) is served.service
