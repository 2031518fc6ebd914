"""A run that fails tells it itself, whatever Prefect's database does meanwhile."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun, State, StateType
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows import notices
from flows.hooks import ON_END
from tests.http_server import HttpServer

FAILED = State(type=StateType.FAILED, name="Failed", message="a tool said hunter2")


@flow(name="deploy")
def deploy() -> None:
    """A flow."""


class Receiver:
    """Takes notices; refuses the first `busy` of them."""

    def __init__(self) -> None:
        self.busy = 0
        self.taken: list[dict[str, Any]] = []
        self.server = HttpServer(Starlette(routes=[Route("/", self._take, methods=["POST"])]))

    async def _take(self, request: Request) -> Response:
        if self.busy > 0:
            self.busy -= 1
            return Response(status_code=503)
        self.taken.append(json.loads(await request.body()))
        return Response(status_code=204)


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Whom the settings of a project name."""
    made = Receiver()
    (tmp_path / "karma.toml").write_text(f'[service]\nnotice_url = "{made.server.url}/"\n')
    monkeypatch.setattr(notices, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(notices, "flow_run_logger", lambda *_: logging.getLogger("notices"))
    monkeypatch.setenv("PREFECT_UI_URL", "http://prefect.example.org")
    yield made
    made.server.close()


def run_of(project: Path, *, deployed: bool = True) -> FlowRun:
    """A flow run."""
    deployment = uuid4() if deployed else None
    given = {"project": str(project), "environment": "dev"}
    return FlowRun(id=uuid4(), flow_id=uuid4(), name="deploy dev", deployment_id=deployment, parameters=given)


@pytest.mark.parametrize("busy", [0, 2])
def test_a_failure_is_told_once(receiver: Receiver, tmp_path: Path, busy: int) -> None:
    """Also where the receiver is away at first; names only, never what a tool said."""
    receiver.busy = busy
    run = run_of(tmp_path)
    notices.tell_failure(deploy, run, FAILED)
    (told,) = receiver.taken
    assert {**told, "url": ""} == {
        "flow": "deploy", "run": "deploy dev", "flow_run_id": str(run.id), "state": "Failed", "url": "",
    }  # fmt: skip
    assert ON_END["on_failure"] == [notices.tell_failure]


def test_a_receiver_that_is_away_fails_nothing(receiver: Receiver, tmp_path: Path) -> None:
    """It is given up after three attempts."""
    receiver.busy = 3
    notices.tell_failure(deploy, run_of(tmp_path), FAILED)
    assert receiver.taken == []


def test_a_command_s_run_and_a_foreign_project_s_are_not_told(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal has the first; of the second, the worker's own settings say where it is told."""
    notices.tell_failure(deploy, run_of(tmp_path, deployed=False), FAILED)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("_KARMA_WORKER_PROJECT", str(own))
    notices.tell_failure(deploy, run_of(tmp_path), FAILED)
    assert receiver.taken == []
