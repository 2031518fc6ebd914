"""The API's contract, kept by the service and by functions that get events of both kinds of API Gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from karma_api.service import Hooks, Service, Services
from karma_core.errors import Refused
from karma_core.use_cases.changes.drain import carry_on
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import by_kept_modules
from karma_lambda.opening import behind_gateway, patient_graph
from tests.api_contract import HOOK_SECRET, ApiContract, MoreOfTheApi, Orders
from tests.api_doors import Door, EventDoor, HttpDoor, http_api_event, rest_api_event
from tests.change_system import run_order
from tests.served_system import ServedSystem

HOOKS = Hooks(github_secret=HOOK_SECRET, generic_secret=HOOK_SECRET, repositories=("acme/infra",))


class Memory:
    """The environment in memory, and the work that others do for the API."""

    name = "test"

    def __init__(self, system: ServedSystem) -> None:
        self._system = system
        self._done = 0

    def now(self) -> datetime:
        """The time of the environment's clock."""
        return self._system.clock()

    def orders(self) -> Orders:
        return list(self._system.runs.started)

    def work(self) -> None:
        """Carry out what was ordered since the last time."""
        orders = self._system.runs.started[self._done :]
        self._done += len(orders)
        for change_id in [
            parameters["change_id"] for _, parameters, _ in orders if "change_id" in parameters
        ]:
            with suppress(Refused):  # the run of another change has carried this one on, too
                carry_on(self._system.workspace, change_id, run_order)
        build_graph(self._system.workspace)

    def config(self, address: str) -> Any:
        return self._system.config(address)

    def put_config(self, address: str, config: dict[str, Any]) -> None:
        """As a publish does, which leaves the graph to the next build."""
        self._system.configure(**{address.replace("/", "_"): config})

    def rebuild(self) -> str:
        """What a builder with modules has to do."""
        return build_graph(self._system.workspace).status

    def deploy(self) -> None:
        """Everything, by hand."""
        self._system.deploy()
        build_graph(self._system.workspace)


@pytest.fixture(scope="module")
def system() -> Iterator[ServedSystem]:
    """Four components, deployed; a second build knows one more fact."""
    made = ServedSystem(plans_here=False, hooks=HOOKS)
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
    """What a container of a function would open, over the same state: it has no modules and no Terraform."""
    workspace = by_kept_modules(system.service.workspace)
    graph = patient_graph(workspace)
    services: list[Services] = []

    def open_one(_name: str) -> Service:
        return behind_gateway(replace(system.service, workspace=workspace, graph=graph, peers=services[0]))

    services.append(Services(("test",), "test", open_one))
    return services[0]
