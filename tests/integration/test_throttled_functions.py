"""Functions whose Neptune is throttled: a Gremlin Server behind a proxy, the other stores in a local AWS."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pytest

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_api.service import Service
from karma_core.graph.delta import digest
from karma_core.model import Snapshot
from karma_core.records import ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_core.use_cases.graph.build import build_graph
from karma_core.workspace import OpenEnvironment, Workspace
from karma_lambda import opening
from karma_lambda.settings import FunctionSettings
from tests import local_aws
from tests.api_doors import EventDoor, http_api_event
from tests.aws_system import prepare
from tests.integration import gremlin_server
from tests.integration.throttling_proxy import ThrottlingProxy
from tests.memory.terraform import MemoryModules, MemoryTerraform
from tests.memory_system import NoRepository, RecordingReloader
from tests.served_system import RecordedRuns
from tests.workspace_fakes import FakeIndex

pytestmark = pytest.mark.xdist_group("gremlin")
COMMIT = b"\x00\x02tx"
PHASES = (b"current", b"publishing", b"mergeV", COMMIT, b"elementMap")
"""In the bytes of the requests of each part of an update, and in others of none."""
CHANGE = {"component": "b/two", "proposed_change": {"size": 7}, "idempotency_key": "once"}
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Functions behind the proxy, and a worker beside it."""

    door: EventDoor
    proxy: ThrottlingProxy
    worker: Workspace
    runs: RecordedRuns

    def put(self, size: int) -> None:
        """A publish that no build has seen yet."""
        self.worker.parameters.put([ParameterWrite(name="/iac/a/one/config", value=f'{{"size": {size}}}')])

    def stored(self) -> Snapshot:
        """The stored graph. It is whole: it has its build's digest, and no build is missing."""
        snapshot = self.worker.graph.load(self.worker.name)
        assert snapshot is not None
        assert digest(snapshot.graph) == snapshot.build.digest
        numbers = [build.id for build in self.worker.graph.builds(self.worker.name)]
        assert numbers == list(range(snapshot.build.id, 0, -1))
        return snapshot


@pytest.fixture(scope="module")
def proxy() -> Iterator[ThrottlingProxy]:
    """Before the Gremlin Server."""
    with ThrottlingProxy(gremlin_server.required().url).running() as made:
        yield made


@pytest.fixture
def stack(proxy: ThrottlingProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Two components, built once."""
    proxy.ease()
    proxy.throttled = 0
    prepare(local_aws.fresh(monkeypatch))
    monkeypatch.setattr(opening, "STORE_SECONDS", 1.5)
    runs = RecordedRuns()
    function = FunctionSettings(project=_project(f"throttled-{os.getpid()}-{next(_numbers)}", proxy.url))
    services = opening.open_services(function, make_starter=lambda *_: runs)
    service = services.of(None)
    store = GremlinGraphStore(GremlinClient(Endpoint(url=gremlin_server.required().url)))
    worker = _worker(service, store)
    for address in ("a/one", "b/two"):
        worker.parameters.put([ParameterWrite(name=f"/iac/{address}/config", value='{"size": 1}')])
    build_graph(worker)
    tokens = {role: create(worker, f"{role}@example.org", role)[1] for role in Role}
    yield Stack(door=EventDoor(services, tokens, http_api_event), proxy=proxy, worker=worker, runs=runs)
    proxy.ease()
    services.close()
    store.close()


def _project(name: str, url: str) -> dict[str, Any]:
    aws = {
        "endpoint_url": local_aws.url(),
        "state_table": local_aws.STATE,
        "log_table": local_aws.EVENTS,
        "bucket": local_aws.BUCKET,
        "requests_per_second": 1000,
    }
    stores = {"parameters": "ssm", "state": "dynamodb", "artifacts": "s3", "graph": "gremlin"}
    return {
        "project": {"default_environment": name},
        "log": {"sinks": ["dynamodb"], "required": "dynamodb"},
        "environments": {name: {"region": local_aws.REGION, "gremlin_url": url, "aws": aws, **stores}},
    }


def _worker(service: Service, store: GremlinGraphStore) -> Workspace:
    modules, terraform = MemoryModules(("a", "b")), MemoryTerraform()
    shared = {one.name: getattr(service.workspace, one.name) for one in fields(OpenEnvironment)}
    return Workspace(
        **{**shared, "graph": store, "modules": modules},
        terraform=terraform,
        reloader=RecordingReloader(),
        repository=NoRepository(),  # type: ignore[arg-type]  # deploys ask it for its commit alone
        publish_index=FakeIndex(),
    )


@pytest.mark.parametrize("handshakes", [False, True])
def test_reads_end_in_a_503_that_may_be_repeated(stack: Stack, handshakes: bool) -> None:
    """Throttled requests and throttled connections alike; what needs no graph is answered meanwhile.

    When it is over, the same container answers.
    """
    stack.proxy.throttle()
    stack.proxy.handshakes = handshakes
    for ask in (
        lambda: stack.door.get("/graph"),
        lambda: stack.door.get("/graph/diff"),
        lambda: stack.door.get("/builds"),
        lambda: stack.door.post("/graph/query", {"gremlin": "g.V()"}),
    ):
        answer = ask()
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.headers["retry-after"], answer.json()["code"]) == ("1", "store-unavailable")
    assert stack.proxy.throttled >= 4
    assert stack.door.get("/log").status_code == 200
    assert stack.door.get("/changes").status_code == 200
    stack.proxy.ease()
    assert stack.door.get("/graph").status_code == 200
    assert stack.door.get("/graph/diff").json()["nodes"]["changed"] == []


def test_a_short_throttle_is_ridden_out(stack: Stack) -> None:
    """Two throttled requests cost a caller some time, no more."""
    stack.put(2)
    stack.proxy.throttle(times=2)
    queued = stack.door.post("/request-change", CHANGE)
    assert (queued.status_code, queued.json()["warnings"]) == (202, [])
    assert stack.proxy.left == 0
    assert stack.stored().build.id == 2


@pytest.mark.parametrize("word", PHASES)
def test_wherever_an_update_is_throttled_nothing_is_half_written(stack: Stack, word: bytes) -> None:
    """The change is kept and its run ordered; the graph stays what it was, whole, and the answer says so.

    The same request under its key finds the same change, orders nothing more, and the graph is caught up.
    """
    before = stack.stored()
    stack.put(2)
    stack.proxy.throttle(word)
    queued = stack.door.post("/request-change", CHANGE)
    assert stack.proxy.throttled
    stack.proxy.ease()
    assert queued.status_code == 202
    [warning] = queued.json()["warnings"]
    assert warning.startswith("the graph is left to a worker: ")
    assert stack.stored() == before
    assert stack.door.get("/graph").json()["build_id"] == before.build.id
    again = stack.door.post("/request-change", CHANGE)
    assert (again.status_code, again.json()["warnings"]) == (202, [])
    assert again.json()["change_id"] == queued.json()["change_id"]
    assert [p["change_id"] for _, p, _ in stack.runs.started] == [queued.json()["change_id"]]
    after = stack.stored()
    assert after.build.id == before.build.id + 1
    assert {n.address: n.config_version for n in after.graph.nodes} == {"a/one": 2, "b/two": 1}
    assert build_graph(stack.worker).status == "unchanged"
    assert stack.door.get("/log/verify").json()["problems"] == []
