"""Probes of a process that serves several environments, or none."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from karma_api import openapi
from karma_api.app import make_app
from karma_api.dispatch import answer
from karma_api.exchange import Incoming, Outgoing
from karma_api.metrics import Metrics
from karma_api.routes import ROUTES
from karma_api.service import Service, Services
from karma_api.slots import FOR_ONE
from karma_core.errors import NotFound, StoreUnavailable
from tests.http_server import HttpServer
from tests.served_system import ServedSystem

BY_NAME = {route.name: route for route in ROUTES}


def closed(name: str) -> Service:
    """An environment that cannot be opened."""
    raise StoreUnavailable(f"the stores of {name} do not answer")


def ask(services: Services, route: str, *query: tuple[str, str]) -> Outgoing:
    """What somebody without a token is answered."""
    return answer(services, BY_NAME[route], Incoming(query=query))


@pytest.mark.parametrize("names", [("dev", "prod"), ()])
def test_a_plain_probe_needs_no_environment(names: tuple[str, ...]) -> None:
    """Of several without a default, or of none: the process lives, whatever becomes of its environments."""
    reply = ask(Services(names, None, closed), "healthz")
    assert (reply.status, reply.body) == (200, b'{"status":"ok"}')


def test_a_probe_that_names_an_environment_opens_it() -> None:
    """It says whether that can be opened; an unknown one is not found, and no other question is taken."""
    services = Services(("dev", "prod"), None, closed)
    assert ask(services, "healthz", ("environment", "prod")).status == 503
    assert ask(services, "healthz", ("environment", "lost")).status == 404
    assert ask(services, "healthz", ("no", "such")).status == 400


def test_readiness_is_that_of_the_first_environment(served: ServedSystem) -> None:
    """Without a name and a default; what belongs to one environment still needs the name."""
    services = Services(
        ("test", "zone"), None, lambda name: served.service if name == "test" else closed(name)
    )
    reply = ask(services, "readyz")
    assert reply.status == 200
    assert b'"state":"ok"' in reply.body
    assert ask(services, "graph").status == 404
    assert ask(Services(("dev", "prod"), None, closed), "readyz").status == 503


def test_the_openapi_document_says_what_a_missing_name_means() -> None:
    """The process, the first environment, or the default."""
    paths = openapi.document(ROUTES, "1")["paths"]
    said = {
        path: next(p["description"] for p in paths[path]["get"]["parameters"] if p["name"] == "environment")
        for path in ("/healthz", "/readyz", "/graph")
    }
    assert said == {
        "/healthz": "Which environment; else the process alone.",
        "/readyz": "Which environment; else the server's default, or its first.",
        "/graph": "Which environment; else the server's default.",
    }


def test_a_process_that_cannot_order_runs_is_not_ready(served: ServedSystem) -> None:
    """Where Prefect's database was lost the probe says so until Karma's deployments are registered again."""
    lost = [True]

    def check() -> None:
        if lost[0]:
            raise NotFound("there is no deployment deploy", code="no-deployment")

    service = replace(served.service, checks={"prefect": check})
    services = Services(("test",), None, lambda _: service)
    found = ask(services, "readyz")
    assert found.status == 503
    assert b'"prefect":"no-deployment"' in found.body
    lost[0] = False
    assert ask(services, "readyz").status == 200


def test_readiness_is_answered_in_time_in_every_outage(served: ServedSystem) -> None:
    """A store that hangs is named, in two seconds, by all who ask; it takes one thread, however many do.

    The same holds while an environment cannot even be opened.
    """
    hung, asked = threading.Event(), []

    def hang() -> None:
        asked.append(threading.current_thread())
        hung.wait(30)

    service = replace(served.service, checks={"prefect": hang})

    def shut(name: str) -> Service:
        hang()
        return closed(name)

    services = Services(("test", "shut"), "test", lambda name: service if name == "test" else shut(name))

    for query, said in (
        ((), b'"prefect":"store-unavailable"'),
        ((("environment", "shut"),), b"could not be opened"),
    ):
        asked.clear()
        for _ in range(2):
            began = time.monotonic()
            reply = ask(services, "readyz", *query)
            assert time.monotonic() - began < 2
            assert (reply.status, said in reply.body) == (503, True), reply.body
        assert len(asked) == 1
    hung.set()


def test_requests_that_hang_keep_no_probe_waiting(served: ServedSystem) -> None:
    """Every thread of one caller waits for a store: its probe is answered all the same."""
    hung = threading.Event()
    waiting = Services(("test",), "test", lambda _: hung.wait(30) and closed("test"))
    app = make_app(waiting, metrics=Metrics(), limits=served.service.limits)
    with (
        closing(HttpServer(app)) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=20) as http,
    ):
        asking = [threading.Thread(target=http.get, args=("/builds",)) for _ in range(FOR_ONE + 1)]
        for thread in asking:
            thread.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert http.get("/readyz").status_code == 503
        assert time.monotonic() - began < 2.5
        hung.set()
        for thread in asking:
            thread.join()
