"""Probes of a process that serves several environments, or none."""

from __future__ import annotations

import pytest

from karma_api import openapi
from karma_api.dispatch import answer
from karma_api.exchange import Incoming, Outgoing
from karma_api.routes import ROUTES
from karma_api.service import Service, Services
from karma_core.errors import StoreUnavailable
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
