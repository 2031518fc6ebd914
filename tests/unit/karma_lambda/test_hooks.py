"""Deliveries at a function: signatures over the bytes that were sent, and secrets out of parameters."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_api.service import Services
from karma_core.errors import SettingsError
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.webhooks import sign
from karma_lambda.hooks import make_hooks
from karma_lambda.settings import FunctionSettings, Webhooks, project_settings
from tests.api_contract import HOOK_SECRET
from tests.api_doors import EventDoor, http_api_event, rest_api_event
from tests.contract.test_api import HOOKS, functions_of
from tests.memory.parameters import MemoryParameters
from tests.memory_system import Clock
from tests.served_system import ServedSystem
from tests.signed_orders import order_headers
from tests.unit.karma_api.test_webhooks import push_of

RAW = '{"flow": "graph-rebuild", "reason": "größer \U0001f600"}'.encode()
NAME = "/karma/webhook"


@pytest.fixture
def system() -> Iterator[ServedSystem]:
    """Its webhooks are on."""
    made = ServedSystem(plans_here=False, hooks=HOOKS)
    yield made
    made.close()


def delivered(system: ServedSystem, make: Any, raw: bytes = RAW, *, coded: bool = False, **more: str) -> Any:
    """The answer to a signed delivery, its body coded as API Gateway does with what it takes for binary."""
    door = EventDoor(functions_of(system), system.tokens, make)
    signed = order_headers(HOOK_SECRET, "test", RAW, delivery="delivery-1", at=system.clock())
    headers = {**{name.title(): value for name, value in signed.items()}, **more}
    event = door.event("POST", "/webhooks/generic", headers, raw)
    body = {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True} if coded else {}
    return door.handle(event | body)


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("make", [http_api_event, rest_api_event])
def test_the_signature_is_over_the_bytes_that_were_sent(system: ServedSystem, make: Any, coded: bool) -> None:
    """As text or as base64, in both kinds of event; one byte more is another delivery's body."""
    assert delivered(system, make, coded=coded).status_code == 202
    assert delivered(system, make, RAW + b" ", coded=coded).status_code == 401
    assert len(system.runs.started) == 1


def test_a_delivery_is_known_in_every_container(system: ServedSystem) -> None:
    """What was taken is remembered with the environment's state, not in a container."""
    assert delivered(system, http_api_event).status_code == 202
    again = delivered(system, rest_api_event)
    assert (again.status_code, again.json()["status"]) == (200, "known")
    assert len(system.runs.started) == 1


def test_a_delivery_whose_order_was_lost_is_taken_up(system: ServedSystem) -> None:
    """Where the order could not be sent the delivery fails; sent again, it starts its run, once."""
    runs = system.runs

    class Lost:
        def start(self, *_words: Any, **_named: Any) -> str:
            raise ConnectionError

    broken = replace(functions_of(system).of(None), starter=Lost())
    services = Services(("test",), "test", lambda _: broken)
    door = EventDoor(services, system.tokens, http_api_event)
    headers = order_headers(HOOK_SECRET, "test", RAW, delivery="delivery-1", at=system.clock())
    with pytest.raises(ConnectionError):
        door.handle(door.event("POST", "/webhooks/generic", headers, RAW))
    assert delivered(system, http_api_event).status_code == 202
    assert len(runs.started) == 1


class Bus:
    """EventBridge's put_events, noted."""

    def __init__(self) -> None:
        self.flows: list[str] = []

    def call(self, operation: str, **named: Any) -> dict[str, Any]:
        assert operation == "put_events"
        self.flows += [json.loads(entry["Detail"])["flow"] for entry in named["Entries"]]
        return {"FailedEntryCount": 0}


def test_the_bus_takes_what_deliveries_order(system: ServedSystem) -> None:
    """Every flow that a webhook may start can be ordered where no Prefect API is set."""
    bus = Bus()
    starter = EventBridgeRuns(bus, "runs", system.state)  # type: ignore[arg-type]
    ordering = replace(functions_of(system).of(None), starter=starter, peers=None)
    services = Services(("test",), "test", lambda _: ordering)
    door = EventDoor(services, system.tokens, http_api_event)
    pull = {"action": "opened", "number": 7, "repository": {"full_name": "acme/infra"}}
    for number, (event, body) in enumerate(
        (("push", push_of("iac/test/a/one/config.json")), ("pull_request", pull))
    ):
        raw = json.dumps(body).encode()
        headers = {"x-hub-signature-256": sign(HOOK_SECRET, raw), "x-github-delivery": f"delivery-{number}"}
        answer = door.post("/webhooks/github", role=None, content=raw, **headers, **{"x-github-event": event})
        assert answer.status_code == 202, answer.text
    remove = {"component": "d/four", "remove": True}
    for flow, change in (("graph-rebuild", {}), ("change-run", {"changes": [remove]})):
        raw = json.dumps({"flow": flow, **change}).encode()
        headers = order_headers(HOOK_SECRET, "test", raw, delivery=f"delivery-{flow}", at=system.clock())
        assert door.post("/webhooks/generic", role=None, content=raw, **headers).status_code == 202
    assert bus.flows == ["push-run", "pull-request-check", "graph-rebuild", "change-run"]


def hooks_with(parameters: MemoryParameters, **webhooks: Any) -> Any:
    """What a function with these settings knows of webhooks."""
    project = {"webhooks": {"repositories": ["acme/infra"], "branches": ["live"]}}
    function = FunctionSettings(project=project, webhooks=Webhooks(**webhooks))
    return make_hooks(project_settings(function), function.webhooks, parameters, "test")


def test_secrets_come_out_of_parameters() -> None:
    """Nobody who may read the function's settings reads them; an endpoint without one is off."""
    parameters = MemoryParameters(clock=Clock())
    parameters.put([ParameterWrite(name=NAME, value=HOOK_SECRET, kind=ParameterKind.SECURE)])
    hooks = hooks_with(parameters, github_secret_parameter=NAME)
    assert (hooks.github_secret, hooks.generic_secret) == (HOOK_SECRET, "")
    assert (hooks.repositories, hooks.branches) == (("acme/infra",), ("live",))
    assert HOOK_SECRET not in repr(hooks)
    own = hooks_with(parameters, generic_secret_parameters={"test": NAME, "prod": "/another"})
    assert own.generic_secret == HOOK_SECRET


@pytest.mark.parametrize("value", [None, "short"])
def test_a_secret_that_is_none_is_refused(value: str | None) -> None:
    """A parameter that is not there, or that could be guessed, switches nothing on and nothing off."""
    parameters = MemoryParameters(clock=Clock())
    if value is not None:
        parameters.put([ParameterWrite(name=NAME, value=value, kind=ParameterKind.SECURE)])
    with pytest.raises(SettingsError, match=NAME) as refused:
        hooks_with(parameters, generic_secret_parameters={"test": NAME})
    assert "short" not in refused.value.why.replace("too short", "")
