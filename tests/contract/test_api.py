"""The API's contract, kept by the service and by functions that get events of both kinds of API Gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from karma_api.service import Services
from karma_core.errors import Refused
from karma_core.use_cases.build import build_graph
from karma_core.use_cases.changes.drain import carry_on
from karma_lambda.opening import behind_gateway
from tests.api_contract import ApiContract, MoreOfTheApi, Orders
from tests.api_doors import Door, EventDoor, HttpDoor, http_api_event, rest_api_event
from tests.change_system import run_order
from tests.served_system import ServedSystem


class Memory:
    """The environment in memory, and the work that others do for the API."""

    def __init__(self, system: ServedSystem) -> None:
        self._system = system
        self._done = 0

    def orders(self) -> Orders:
        return list(self._system.runs.started)

    def work(self) -> None:
        """Carry out what was ordered since the last time."""
        orders = self._system.runs.started[self._done :]
        self._done += len(orders)
        for _, parameters, _ in orders:
            with suppress(Refused):  # the run of another change has carried this one on, too
                carry_on(self._system.workspace, parameters["change_id"], run_order)
        build_graph(self._system.workspace)

    def config(self, address: str) -> Any:
        return self._system.config(address)


@pytest.fixture(scope="module")
def system() -> Iterator[ServedSystem]:
    """Four components, deployed; a second build knows one more fact."""
    made = ServedSystem(plans_here=False)
    made.configure(d_four={"size": 4, "more": True})
    build_graph(made.workspace)
    yield made
    made.close()


@pytest.fixture(scope="module")
def environment(system: ServedSystem) -> Memory:
    """What the suite must know."""
    return Memory(system)


@pytest.fixture(scope="module")
def service(system: ServedSystem) -> Iterator[Door]:
    """The service."""
    door = HttpDoor(system.server.url, system.tokens)
    yield door
    door.close()


class TestService(ApiContract, MoreOfTheApi):
    """The ASGI application, over HTTP."""

    @pytest.fixture
    def api(self, service: Door) -> Door:
        """Itself."""
        return service


class TestHttpApi(ApiContract, MoreOfTheApi):
    """Functions behind an HTTP API."""

    @pytest.fixture
    def api(self, system: ServedSystem) -> Door:
        """By events in payload format 2.0."""
        return EventDoor(functions_of(system), system.tokens, http_api_event)


class TestRestApi(ApiContract, MoreOfTheApi):
    """Functions behind a REST API."""

    @pytest.fixture
    def api(self, system: ServedSystem) -> Door:
        """By events in payload format 1.0."""
        return EventDoor(functions_of(system), system.tokens, rest_api_event)


def functions_of(system: ServedSystem) -> Services:
    """What a container of a function would open, over the same state."""
    service = behind_gateway(system.service)
    return Services(("test",), "test", lambda _: service)
