"""The age of the oldest queued change: what an alarm stands on where nobody takes orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from karma_api.resources.health import ROUTES
from karma_core.errors import StoreUnavailable
from karma_lambda import queue_age
from karma_lambda.entry import serve
from karma_lambda.settings import FunctionSettings
from tests.api_doors import EventDoor, http_api_event
from tests.contract.test_api import functions_of
from tests.served_system import ServedSystem


@pytest.fixture
def system() -> Iterator[ServedSystem]:
    """A deployed system whose changes are queued for a worker."""
    made = ServedSystem(plans_here=False)
    yield made
    made.close()


def queue(system: ServedSystem, size: int) -> str:
    """Request a change; its id."""
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    answer = door.post("/request-change", {"component": "d/four", "proposed_change": {"size": size}})
    assert answer.status_code == 202
    change_id: str = answer.json()["change_id"]
    return change_id


def test_it_is_the_age_of_the_one_that_has_waited_longest(system: ServedSystem) -> None:
    """0 where none is queued; the time since the oldest was; what is over does not count."""
    workspace = system.workspace.by_its_stores()
    assert queue_age.oldest_queued_seconds(workspace) == 0
    first = queue(system, 1)
    system.clock.now += timedelta(seconds=600)
    queue(system, 2)
    system.clock.now += timedelta(seconds=60)
    assert queue_age.oldest_queued_seconds(workspace) >= 660
    door = EventDoor(functions_of(system), system.tokens, http_api_event)
    assert door.post(f"/changes/{first}/cancel", {"reason": "a test"}).status_code == 200
    assert queue_age.oldest_queued_seconds(workspace) < 660


def test_it_is_told_with_readiness_alone(system: ServedSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """The schedule of the deployment asks for readiness; liveness costs nothing."""
    handler = serve(
        ROUTES,
        after_ready=queue_age.tell,
        read=lambda: FunctionSettings(project={}),
        open_all=lambda _: functions_of(system),
    )
    for path in ("/healthz", "/readyz"):
        capsys.readouterr()
        handler(http_api_event(f"GET {path}", "GET", path, {}, {}, b""), None)
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "{" in line]
        assert any(queue_age.METRIC in line for line in told) == (path == "/readyz")


def test_a_store_that_is_down_is_no_defect(
    system: ServedSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readiness says that the store is down; the metric is left out."""

    def fails(*_: Any) -> None:
        raise StoreUnavailable("the state store is down", next_step="wait", code="store-unavailable")

    monkeypatch.setattr("karma_core.use_cases.changes.open_index.read", fails)
    queue_age.tell(system.workspace.by_its_stores())
    assert queue_age.METRIC not in capsys.readouterr().out
