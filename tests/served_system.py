"""An environment in memory, served: tokens of every role, a real socket and a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.local.thread_runs import FLOWS, ThreadRuns
from karma_api.app import make_app
from karma_api.limits import Limits
from karma_api.metrics import Metrics
from karma_api.service import Hooks, Service, Services, make_service
from karma_core.errors import NotFound, UsageError
from karma_core.graph.gremlin_answer import GremlinAnswer
from karma_core.issuers import Issuers
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_core.use_cases.graph.build import build_graph
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem
from tests.http_server import HttpServer
from tests.memory_system import NoRepository

QUICK = Limits(requests_per_second=1e6, burst=1e6, failures_per_second=1e6, failures_burst=1e6)
CONFIGS: dict[str, dict[str, Any]] = {
    "a_one": {"size": 1},
    "b_two": {"a_nickname": "one"},
    "c_three": {"b_nickname": "two"},
    "d_four": {"size": 4},
}
"""A chain of three, and one beside it."""


class RecordedRuns:
    """Notes the runs that were ordered, and starts none."""

    def __init__(self) -> None:
        self.started: list[tuple[str, dict[str, Any], str]] = []

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        if flow not in {*FLOWS, "pull-request-check"}:
            raise NotFound(f"there is no flow {flow}")
        if idempotency_key not in [key for _, _, key in self.started]:
            self.started.append((flow, dict(parameters), idempotency_key))
        return f"run-{[key for _, _, key in self.started].index(idempotency_key)}"


class ServedSystem(ChangeSystem):
    """A system of four components, deployed, with a service over it. Close it.

    `runs` is a RecordedRuns unless `runs_go` : then what is ordered is done, in threads. `neighbours` are
    other environments of the same server, `root` is a project's folder with configs.
    """

    def __init__(
        self,
        *,
        limits: Limits = QUICK,
        anonymous: Role | None = None,
        plans_here: bool = True,
        runs_go: bool = False,
        deployed: bool = True,
        configs: Mapping[str, dict[str, Any]] | None = None,
        definitions: dict[str, dict[str, Any]] | None = None,
        types: str = "a b c d e",
        neighbours: Mapping[str, Service] | None = None,
        root: Path | None = None,
        hooks: Hooks | None = None,
        issuers: Issuers | None = None,
    ) -> None:
        self._repository: Any = GitConfigRepository(root) if root else NoRepository()
        super().__init__(definitions, types)
        self.configure(**(configs or CONFIGS))
        if deployed:
            self.deploy()
        build_graph(self.workspace)
        workspace = self.workspace
        self.runs: Any = ThreadRuns(lambda _: workspace) if runs_go else RecordedRuns()
        metrics = Metrics()
        self.service: Service = make_service(
            workspace if plans_here else workspace.by_its_stores(),
            log=self.log,
            starter=self.runs,
            gremlin=no_gremlin,
            limits=limits,
            anonymous=anonymous,
            metrics=metrics.text,
            hooks=hooks,
            issuers=issuers,
        )
        served = {"test": self.service, **(neighbours or {})}
        self.services = Services(tuple(served), "test", served.__getitem__)
        object.__setattr__(self.service, "peers", self.services)
        self.tokens = {role: create(workspace, f"{role}@example.org", role)[1] for role in Role}
        self.app = make_app(self.services, metrics=metrics, limits=limits)
        self.server = HttpServer(self.app)
        self.http = httpx.Client(base_url=self.server.url, timeout=60, trust_env=False)

    @property
    def workspace(self) -> Workspace:
        """What a new process would open, with the configs of its folder."""
        return replace(super().workspace, repository=self._repository)

    def headers(self, role: Role | None) -> dict[str, str]:
        """The headers that sign a role in."""
        return {"authorization": f"Bearer {self.tokens[role]}"} if role is not None else {}

    def get(self, path: str, role: Role | None = Role.VIEWER, **headers: str) -> Any:
        """GET as somebody of that role."""
        return self.http.get(path, headers={**self.headers(role), **headers})

    def post(self, path: str, body: Any = None, role: Role | None = Role.OPERATOR, **options: Any) -> Any:
        """POST JSON as somebody of that role."""
        return self.http.post(path, json=body, headers=self.headers(role), **options)

    def close(self) -> None:
        """End threads."""
        self.http.close()
        if isinstance(self.runs, ThreadRuns):
            self.runs.close()
        self.server.close()


def neighbour(name: str, **configs: dict[str, Any]) -> tuple[Service, str]:
    """Another environment, configured and not deployed; and the token of a viewer of it."""
    system = ChangeSystem()
    system.configure(**configs)
    workspace = system.workspace
    workspace = replace(workspace, environment=replace(workspace.environment, name=name))
    build_graph(workspace)
    service = make_service(
        workspace, log=system.log, starter=RecordedRuns(), gremlin=no_gremlin, limits=QUICK
    )
    return service, create(workspace, "nina@example.org", Role.VIEWER)[1]


def no_gremlin(text: str) -> GremlinAnswer:
    """A store that answers one query."""
    if text != "g.V()":
        raise UsageError("the query cannot be used", code="gremlin-syntax")
    return GremlinAnswer(results=[{"id": "test:a/one", "label": "Component"}, 3], truncated=False)
