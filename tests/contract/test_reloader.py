"""The contract of `ports.Reloader`: a recorder, and real actions of two kinds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karma_adapters.aws.access import Access
from karma_adapters.processes.children import Processes
from karma_adapters.reloads.reloader import Reloads
from karma_core import ports
from karma_core.errors import DeployFailed
from tests.http_server import HttpServer
from tests.memory_system import RecordingReloader

BROKEN = "api/broken"
"""The component whose reload fails."""


class Receiver(Protocol):
    """A reloader, an action that reaches something, and what reached it: (address, key) of each."""

    reloader: ports.Reloader
    action: dict[str, Any]

    def received(self) -> list[tuple[str, str]]: ...


def reloads(directory: Path) -> Reloads:
    """The adapter, with one host that may be called."""
    return Reloads(
        directory=directory,
        environment={"PATH": os.environ["PATH"]},
        processes=Processes(grace_seconds=1),
        allowed_hosts=("127.0.0.1",),
        access=Access(region="us-east-1"),
    )


class Recorder:
    def __init__(self) -> None:
        self.reloader = RecordingReloader()
        self.reloader.failing.add(BROKEN)
        self.action: dict[str, Any] = {"command": ["anything"]}

    def received(self) -> list[tuple[str, str]]:
        return self.reloader.calls


class Command:
    """A command that notes what it was called for in a file."""

    def __init__(self, directory: Path) -> None:
        self.reloader = reloads(directory)
        self._notes = directory / "notes"
        script = f'echo "$1 $2" >> {self._notes}; test "$1" != {BROKEN}'
        self.action = {"command": ["sh", "-c", script, "reload", "{address}", "{key}"]}

    def received(self) -> list[tuple[str, str]]:
        lines = self._notes.read_text().splitlines()
        return [(address, key) for address, _, key in (line.partition(" ") for line in lines)]


class Http:
    """A server that notes what it was called for."""

    def __init__(self, directory: Path) -> None:
        self.reloader = reloads(directory)
        self._calls: list[tuple[str, str]] = []
        app = Starlette(routes=[Route("/reload", self._answer, methods=["POST"])])
        self._server = HttpServer(app)
        self.close = self._server.close
        self.action = {"http": {"url": f"{self._server.url}/reload", "body": {"for": "{address}"}}}

    async def _answer(self, request: Request) -> Response:
        address = json.loads(await request.body())["for"]
        self._calls.append((address, request.headers["Idempotency-Key"]))
        return Response(status_code=500 if address == BROKEN else 204)

    def received(self) -> list[tuple[str, str]]:
        return self._calls


@pytest.fixture(params=["recorder", "command", "http"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    """Every reloader in turn, with something that hears it."""
    if request.param == "http":
        over_http = Http(tmp_path)
        yield over_http
        over_http.close()
        return
    yield Recorder() if request.param == "recorder" else Command(tmp_path)


def reload(receiver: Receiver, address: str, key: str = "k-1") -> str:
    """One reload."""
    return receiver.reloader.reload(receiver.action, address=address, environment="prod", idempotency_key=key)


def test_it_is_done_for_the_component_and_said_in_one_line(receiver: Receiver) -> None:
    """Whoever is reloaded gets the address and the key, each time."""
    said = [reload(receiver, "api/main"), reload(receiver, "api/main"), reload(receiver, "api/b", "k-2")]
    assert all(line and "\n" not in line for line in said)
    assert receiver.received() == [("api/main", "k-1"), ("api/main", "k-1"), ("api/b", "k-2")]


def test_a_reload_that_does_not_succeed_is_an_error_of_its_component(receiver: Receiver) -> None:
    """DeployFailed with its code; others are reloaded afterwards."""
    with pytest.raises(DeployFailed) as failed:
        reload(receiver, BROKEN)
    assert failed.value.code == "reload-failed"
    assert BROKEN in failed.value.what
    assert reload(receiver, "api/main")
    assert [address for address, _ in receiver.received()] == [BROKEN, "api/main"]
