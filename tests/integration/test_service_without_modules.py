"""A service beside its workers: no modules, no Terraform; what real ones said is kept with the state."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from karma_api.access import Caller
from karma_api.opening import open_services
from karma_api.resources.changes import RequestAsked, request
from karma_api.service import Service
from karma_core.changes.request import ChangeRequest
from karma_core.roles import Role
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.history import difference
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL
from tests.served_system import RecordedRuns
from tests.small_systems import SmallSystem

CALLER = Caller(user="ann", role=Role.OPERATOR)
CONFIGS = {
    "net/core": {"cidr": "10.0.0.0/16"},
    "app/web": {"net_nickname": "core", "size": 1},
    "url/web": {"app_nickname": "web"},
}


@pytest.fixture
def system(tmp_path: Path) -> SmallSystem:
    """Three components, deployed by Terraform."""
    made = SmallSystem(tmp_path)
    made.configure(CONFIGS)
    workspace = made.workspace()
    assert deploy(workspace, ALL, ThreadExecutor).status == "succeeded"
    build_graph(workspace)
    return made


@pytest.fixture
def service(system: SmallSystem) -> Iterator[Service]:
    """Opened where only the settings are; runs are carried out elsewhere."""
    (system.root / "components").rename(system.root / "elsewhere")
    services = open_services(system.root)
    yield replace(services.of("test"), starter=RecordedRuns())
    services.close()


def test_it_builds_and_compares_as_the_worker(system: SmallSystem, service: Service) -> None:
    """Nothing is stale because it has no modules; what it publishes, a worker would."""
    assert service.workspace.with_terraform() is None
    assert difference(service.workspace, None, None).delta.empty
    system.configure({"net/core": {"cidr": "10.0.0.0/16", "note": secrets.token_hex(4)}})
    by_service = difference(service.workspace, None, None)
    assert [node.address for node in by_service.delta.put_nodes] == ["net/core"]
    wanted = ChangeRequest(component="app/web", proposed_change={"size": 2})
    reply = request(service, CALLER, RequestAsked(body=wanted))
    assert (reply.status, reply.document["status"], reply.document["warnings"]) == (202, "queued", [])
    snapshot = service.workspace.graph.load("test")
    assert snapshot is not None
    assert {n.address: str(n.status) for n in snapshot.graph.nodes} == {
        "app/web": "current",
        "net/core": "stale",
        "url/web": "current",
    }
    (system.root / "elsewhere").rename(system.root / "components")
    assert build_graph(system.workspace()).status == "unchanged"
