"""A Gremlin endpoint that fails, seen from the command line, the API and functions."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from karma_adapters.doctor import diagnosis
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_api.cached_graph import CachedGraph
from karma_api.service import Services
from karma_lambda.opening import behind_gateway, patient_graph
from tests import faulty_gremlin as wire
from tests.api_doors import Door, EventDoor, HttpDoor, http_api_event
from tests.e2e.command_line import Karma
from tests.faulty_gremlin import Fault, FaultyGremlin
from tests.served_system import ServedSystem

SECONDS = 0.5
ALLOWED = 2.0
FAULTS: dict[str, Fault] = {
    "silent": wire.endless,
    "half open": wire.half_open,
    "slow answer": wire.slow_answer,
    "closed in the handshake": wire.closes_in_handshake,
    "HTTP 500": wire.http("500 Internal Server Error"),
    "no gremlin": wire.garbage,
}


@pytest.fixture
def server() -> Iterator[FaultyGremlin]:
    """An endpoint; tests choose its fault."""
    made = FaultyGremlin(wire.endless)
    yield made
    made.close()


def project(folder: Path, url: str, seconds: float) -> Karma:
    """A project whose graph is there."""
    settings = f"""
        [project]
        default_environment = "prod"
        [environments.prod]
        graph = "gremlin"
        gremlin_url = "{url}"
        gremlin_seconds = {seconds}
    """
    (folder / "karma.toml").write_text(settings)
    (folder / "iac").mkdir()
    return Karma(folder)


@pytest.mark.parametrize("name", ["silent", "no gremlin"])
def test_commands_end_in_words(name: str, server: FaultyGremlin, tmp_path: Path) -> None:
    """Reading and building end with 1, the endpoint's name and what to do, as text and as JSON."""
    server.fault = FAULTS[name]
    karma = project(tmp_path, server.url, SECONDS)
    shown = karma.run("graph", "show")
    assert (shown.code, shown.out) == (1, "")
    assert server.url in shown.err
    assert "next: " in shown.err
    built = karma.run("graph", "build", "--json")
    assert (built.code, built.error["code"]) == (1, "store-unavailable")


def test_doctor_waits_for_moments(
    server: FaultyGremlin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph's check ends within its few seconds, whatever `gremlin_seconds` says, and so do replicas'."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(diagnosis, "GRAPH_SECONDS", SECONDS)
    project(tmp_path, server.url, 60)
    settings = (tmp_path / "karma.toml").read_text()
    (tmp_path / "karma.toml").write_text(settings + f'gremlin_reader_url = "{server.url}"\n')
    began = time.monotonic()
    checks = {check.name: check for check in diagnosis.examine(tmp_path, None)}
    assert time.monotonic() - began < 2 * SECONDS + 2 * ALLOWED
    for name in ("graph", "graph replicas"):
        assert (checks[name].status, server.url in checks[name].found) == ("failed", True)


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGTERM, ("graph", "show")), (signal.SIGINT, ("graph", "build"))]
)
def test_a_command_that_waits_can_be_ended(
    server: FaultyGremlin, tmp_path: Path, number: signal.Signals, words: tuple[str, str]
) -> None:
    """SIGTERM and Ctrl-C end it within moments, with 130 and a word, whatever the endpoint does."""
    running = project(tmp_path, server.url, 60).start(*words)
    try:
        while not server.connected:
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(number)
        began = time.monotonic()
        _, said = running.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        running.kill()
        raise
    assert time.monotonic() - began < ALLOWED
    assert (running.returncode, said) == (130, "interrupted\n")


@pytest.fixture(scope="module")
def system() -> Iterator[ServedSystem]:
    """A deployed system whose other stores are well."""
    made = ServedSystem(plans_here=False)
    yield made
    made.close()


@pytest.fixture(params=["service", "functions"])
def entry(request: pytest.FixtureRequest, system: ServedSystem, server: FaultyGremlin) -> Iterator[Door]:
    """The API over a graph that is at the endpoint."""
    endpoint = Endpoint(url=server.url)
    store = GremlinGraphStore(GremlinClient(endpoint), patience=Patience(whole=SECONDS))
    workspace = replace(system.service.workspace, graph=store)
    if request.param == "functions":
        graph = patient_graph(workspace)
        service = behind_gateway(replace(system.service, workspace=workspace, graph=graph))
        yield EventDoor(Services(("test",), "test", lambda _: service), system.tokens, http_api_event)
    else:
        graph = CachedGraph(store, workspace.artifacts, "test")
        service = replace(system.service, workspace=workspace, graph=graph)
        system.services._open["test"] = service
        door = HttpDoor(system.server.url, system.tokens)
        yield door
        door.close()
    graph.close()
    store.close()


@pytest.mark.parametrize("name", FAULTS)
def test_the_api_answers_in_time(name: str, server: FaultyGremlin, entry: Door) -> None:
    """What needs the graph is a 503 that may be repeated; what does not is answered; readiness says which."""
    server.fault = FAULTS[name]
    began = time.monotonic()
    asked = entry.get("/graph")
    assert time.monotonic() - began < SECONDS + ALLOWED
    assert (asked.status_code, asked.json()["code"]) == (503, "store-unavailable"), asked.text
    assert asked.headers["retry-after"] == "1"
    began = time.monotonic()
    ready = entry.get("/readyz", None)
    assert time.monotonic() - began < ALLOWED
    assert ready.status_code == 503
    assert {name for name, said in ready.json()["checks"].items() if said != "ok"} == {"graph"}
    assert entry.get("/log").status_code == 200
