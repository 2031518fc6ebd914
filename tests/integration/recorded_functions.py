"""Every function, called by each of its routes, with all that it asks of AWS recorded.

The functions run in this process, each with clients of its own, on a local AWS behind a recording proxy and
with their graph on a Gremlin Server. What reaches Neptune is recorded where the driver writes it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from msgspec.structs import replace

from karma_api.registry import FUNCTIONS, Resource
from karma_api.service import Services
from karma_core.errors import Refused
from karma_core.outcomes import RunStatus
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_core.use_cases.changes.drain import carry_on
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from karma_core.webhooks import sign
from karma_core.workspace import OpenEnvironment, Workspace
from karma_lambda import hooks, ordering, queue_age
from karma_lambda.entry import serve
from karma_lambda.opening import open_services
from karma_lambda.settings import FunctionSettings
from tests import local_aws
from tests.api_doors import EventDoor, http_api_event
from tests.aws_system import prepare
from tests.change_system import run_order
from tests.faulty_aws import Call, FaultyAws, faulty_aws
from tests.integration import gremlin_server
from tests.memory.terraform import MemoryModules, MemoryTerraform
from tests.memory_system import ALL, NoRepository, RecordingReloader
from tests.served_system import CONFIGS
from tests.signed_orders import order_headers
from tests.workspace_fakes import FakeIndex

ENVIRONMENTS = ("recorded", "second")
HOOKS = {"github": "/hooks/github", "generic": "/hooks/generic"}
SECRET = "a secret that is long enough"
BUS = "karma-test-runs"
WRITES = ("addV", "addE", "mergeV", "mergeE", "property")
"""Steps for which Neptune asks for WriteDataViaQuery; `drop` needs DeleteDataViaQuery."""
Answer = httpx.Response


@dataclass(frozen=True)
class Recorded:
    """What each function asked of AWS (`calls`) and Neptune (`graph`: IAM actions); the routes' statuses."""

    calls: dict[str, list[Call]] = field(default_factory=dict)
    graph: dict[str, set[str]] = field(default_factory=dict)
    answers: dict[tuple[str, str], int] = field(default_factory=dict)


class RecordingDoor(EventDoor):
    """Sends each event to the function that has its route, and says which one is at work."""

    def __init__(self, opened: dict[str, Services], tokens: dict[Role, str], proxy: FaultyAws) -> None:
        super().__init__(next(iter(opened.values())), tokens, http_api_event)
        self._proxy = proxy
        self._functions: dict[str, str] = {}
        self._opened = opened
        self.limit_answers(4_000_000)
        self.at_work = ""
        self.recorded = Recorded()

    def limit_answers(self, answer_bytes: int) -> None:
        """From now on send larger answers by the bucket."""
        settings = FunctionSettings(project={}, answer_bytes=answer_bytes)
        for name, services in self._opened.items():
            routes = FUNCTIONS[name].function_routes()
            handler = serve(
                routes,
                after_ready=queue_age.tell if name == "health" else None,
                read=lambda: settings,
                open_all=lambda _, s=services: s,  # type: ignore[misc]
            )
            for route in routes:
                self._handlers[f"{route.method} {route.path}"] = handler
                self._functions[f"{route.method} {route.path}"] = name

    def handle(self, event: dict[str, Any]) -> Answer:
        """What the event's function answers; its calls are kept under its name."""
        key = event["routeKey"]
        self.at_work = self._functions[key]
        self._proxy.calls.clear()
        answer = super().handle(event)
        self.recorded.calls.setdefault(self.at_work, []).extend(self._proxy.calls)
        best = self.recorded.answers.get((self.at_work, key), 999)
        self.recorded.answers[self.at_work, key] = min(best, answer.status_code)
        self.at_work = ""
        return answer

    def to_graph(self, request: str) -> None:
        """Keep the IAM actions that Neptune would ask for."""
        if self.at_work:
            asked = self.recorded.graph.setdefault(self.at_work, set())
            asked.add("neptune-db:ReadDataViaQuery")
            if any(step in request for step in WRITES):
                asked.add("neptune-db:WriteDataViaQuery")
            if "'drop'" in request:
                asked.add("neptune-db:DeleteDataViaQuery")


@contextmanager
def recorded(patch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Call every route of every function, and give what was recorded."""
    access = local_aws.fresh(patch)
    prepare(access)
    gremlin_server.required()
    gremlin_server.empty()
    local_aws.api(access, "events").call("create_event_bus", Name=BUS)
    with faulty_aws(access.endpoint_url) as proxy:
        worker = Worker(open_services(FunctionSettings(project=project(access.endpoint_url))))
        worker.fill()
        patch.setattr("karma_lambda.opening.STORE_SECONDS", 60.0)  # a busy machine is no outage
        patch.setattr("karma_api.access.REMEMBER_SECONDS", 0.0)  # each request looks its token up
        opened = {name: _opened(resource, proxy.url) for name, resource in FUNCTIONS.items()}
        tokens = {role: create(worker.workspace, f"{role}@example.org", role)[1] for role in Role}
        door = RecordingDoor(opened, tokens, proxy)
        serialized = GraphBinarySerializersV1.serialize_message

        def noted(serializer: Any, request_id: Any, message: Any) -> Any:
            door.to_graph(str(message.args.get("gremlin", "")))
            return serialized(serializer, request_id, message)

        patch.setattr(GraphBinarySerializersV1, "serialize_message", noted)
        Tour(door, worker, tokens).go()
        yield door.recorded
        for services in opened.values():
            services.close()


def project(endpoint: str) -> dict[str, Any]:
    """The functions' project: two environments in one account, each below a prefix of its own."""
    stores = {"parameters": "ssm", "state": "dynamodb", "artifacts": "s3", "graph": "gremlin"}
    aws = {
        "endpoint_url": endpoint,
        "state_table": local_aws.STATE,
        "log_table": local_aws.EVENTS,
        "bucket": local_aws.BUCKET,
        "requests_per_second": 1000,
    }
    section = {"region": local_aws.REGION, "gremlin_url": gremlin_server.required().url, "aws": aws, **stores}
    return {
        "project": {"default_environment": ENVIRONMENTS[0]},
        "log": {"sinks": ["dynamodb"], "required": "dynamodb"},
        "api": {"requests_per_second": 10000, "burst": 10000},
        "webhooks": {"repositories": ["acme/infra"]},
        "environments": {
            name: {**section, "prefix": f"/{name}", "policy": {"require_approval": True}}
            for name in ENVIRONMENTS
        },
    }


def _opened(resource: Resource, url: str) -> Services:
    settings = FunctionSettings(
        project=project(url),
        runs=ordering.Runs(event_bus=BUS),
        webhooks=hooks.Webhooks(
            github_secret_parameter=HOOKS["github"],
            generic_secret_parameters=dict.fromkeys(ENVIRONMENTS, HOOKS["generic"]),
        ),
    )
    return open_services(
        settings,
        ordering.make_starter if resource.orders_runs else None,
        hooks.make_hooks if resource.takes_webhooks else None,
    )


class Worker:
    """What works beside the functions, in both environments, with modules and a Terraform in memory."""

    def __init__(self, services: Services) -> None:
        self.workspaces = [_workspace(services.of(name).workspace) for name in ENVIRONMENTS]
        self.workspace = self.workspaces[0]

    def fill(self) -> None:
        """The configs, deployed, with two builds; and the webhooks' secrets."""
        secure = ParameterKind.SECURE
        for name in HOOKS.values():
            self.workspace.parameters.put([ParameterWrite(name=name, value=SECRET, kind=secure)])
        for workspace in self.workspaces:
            for name, config in CONFIGS.items():
                self._put(workspace, name.replace("_", "/"), config)
            deploy(workspace, ALL, ThreadExecutor)
            build_graph(workspace)
            self.publish(workspace)
            build_graph(workspace)

    def publish(self, workspace: Workspace) -> None:
        """A config that the last build does not know."""
        self._put(workspace, "d/four", {"size": 4, "published": str(uuid.uuid4())})

    def carry_on(self, change_id: str) -> None:
        """Do what a worker does about a change."""
        with suppress(Refused):  # it waits for its approval
            carry_on(self.workspace, change_id, run_order)

    @staticmethod
    def _put(workspace: Workspace, address: str, config: dict[str, Any]) -> None:
        name = workspace.config_parameter(address)
        workspace.parameters.put([ParameterWrite(name=name, value=json.dumps(config))])


def _workspace(opened: OpenEnvironment) -> Workspace:
    shared = {one.name: getattr(opened, one.name) for one in fields(OpenEnvironment)}
    return Workspace(
        **{**shared, "modules": MemoryModules(("a", "b", "c", "d", "e"))},
        terraform=MemoryTerraform(),
        reloader=RecordingReloader(),
        repository=NoRepository(),  # type: ignore[arg-type]  # deploys ask it for its commit alone
        publish_index=FakeIndex(),
    )


class Tour:
    """Requests to every route, in an order in which each can succeed."""

    def __init__(self, door: RecordingDoor, worker: Worker, tokens: dict[Role, str]) -> None:
        self.door, self.worker, self.tokens = door, worker, tokens
        self.plan_id = ""

    def go(self) -> None:
        """All of them; a denied request, which is logged, with each function's first route."""
        for resource in FUNCTIONS.values():
            route = resource.function_routes()[0]
            path = route.path.replace("{type}/{nickname}", "a/one").replace("{plan_id}", "none")
            if route.role is not None:
                ask: Callable[..., Answer] = self.door.get if route.method == "GET" else self.door.post
                ask(path, role=None)
        self._change()
        self._orders()
        self._queries()
        self._deliveries()
        self.door.limit_answers(1_000)
        for read in READS:
            self.door.get(read, Role.ADMIN)
        deadline = time.monotonic() + PATIENCE
        # It gives each store two seconds, which a machine with much else to do may not keep at once.
        while self.door.get("/readyz", Role.ADMIN).status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            assert time.monotonic() < deadline, "never ready"
        self.door.get("/events", Role.ADMIN, **{"last-event-id": "0"})
        self.door.get(f"/plans/{self.plan_id}")
        self._queries()
        self._tokens()

    def _change(self) -> None:
        self.worker.publish(self.worker.workspace)
        first = self._queued(1)
        for path in (f"/changes/{first}", "/changes"):
            self.door.get(path)
        self.worker.publish(self.worker.workspace)
        self.worker.carry_on(first)
        self.door.post(f"/changes/{first}/approve", {}, Role.APPROVER)
        self.door.post(f"/changes/{first}/apply", content=b"")
        self.worker.carry_on(first)
        self.door.post("/changes/apply", content=b"")
        self.door.post(f"/changes/{first}/rollback", {"reason": "a test"})
        self.worker.publish(self.worker.workspace)
        self.door.post("/rollbacks", {"component": "d/four"})
        second, third = self._queued(2), self._queued(3)
        self.worker.carry_on(second)
        self.door.post(f"/changes/{second}/reject", {"reason": "a test"}, Role.APPROVER)
        self.door.post(f"/changes/{third}/cancel", {"reason": "a test"})
        self.door.post(f"/changes/{third}/retry", content=b"")
        shown = self.door.get(f"/changes/{first}").json()
        assert shown["status"] == "applied", shown
        self.plan_id = shown["plan"]["plan_id"]
        self.door.get(f"/log/{self.door.get('/log?limit=1').json()['items'][0]['id']}")

    def _queued(self, size: int) -> str:
        body = {"component": "d/four", "proposed_change": {"size": size}}
        answer = self.door.post("/request-change", {**body, "idempotency_key": f"change-{size}"})
        assert (answer.status_code, answer.json()["warnings"]) == (202, []), answer.text
        change_id: str = answer.json()["change_id"]
        return change_id

    def _orders(self) -> None:
        self.door.post("/builds", {})
        self.worker.publish(self.worker.workspaces[1])
        promoted = {"from": ENVIRONMENTS[0], "component": "d/four"}
        admin = create(self.worker.workspaces[1], "admin@example.org", Role.ADMIN)[1]
        path = f"/promotions?environment={ENVIRONMENTS[1]}"
        self.door.post(path, promoted, role=None, Authorization=f"Bearer {admin}")
        self.door.post("/deployments", {"everything": True}, Role.APPROVER)
        self.door.post("/destructions", {"targets": ["c/three"]}, Role.APPROVER)
        self.door.post("/drift-checks", {"targets": ["a/one"]})
        runs = self.door.get("/runs").json()["items"]
        self.door.get(f"/runs/{runs[0]['id']}")
        state = self.worker.workspace.state
        died = state.run(runs[0]["id"])
        assert died is not None
        state.put_run(replace(died, status=RunStatus.RUNNING, finished_at=""))
        self.door.post(f"/runs/{died.id}/abandon", role=Role.APPROVER, content=b"")
        self.door.post("/plans", {"everything": True})

    def _queries(self) -> None:
        for body in (
            {"query_type": "dependencies", "parameters": {"component": "c/three"}},
            {"gremlin": "g.V()"},
        ):
            self.door.post("/graph/query", body)
        for query in GRAPHQL:
            self.door.post("/graphql", {"query": query}, Role.VIEWER)
        self.door.post(
            "/events", {"type": "noted", "timestamp": "2026-01-01T00:00:00Z", "component": "a/one"}
        )

    def _deliveries(self) -> None:
        raw = json.dumps({"flow": "graph-rebuild", "reason": "a test"}).encode()
        signed = order_headers(SECRET, ENVIRONMENTS[0], raw, delivery=str(uuid.uuid4()), at=datetime.now(UTC))
        self.door.post("/webhooks/generic", role=None, content=raw, **signed)
        path = f"iac/{ENVIRONMENTS[0]}/a/one/config.json"
        commit = {"message": "m", "author": {"email": "ann@example.org"}, "modified": [path]}
        push = {"ref": "refs/heads/main", "after": "a" * 40, "repository": {"full_name": "acme/infra"}}
        raw = json.dumps({**push, "head_commit": commit, "commits": [commit]}).encode()
        signed = {"x-hub-signature-256": sign(SECRET, raw), "x-github-delivery": str(uuid.uuid4())}
        self.door.post("/webhooks/github", role=None, content=raw, **signed, **{"x-github-event": "push"})

    def _tokens(self) -> None:
        token_id = self.tokens[Role.VIEWER].partition(".")[0].removeprefix("karma_")
        self.door.post(f"/tokens/{token_id}/revoke", role=Role.ADMIN, content=b"")


PATIENCE = 60.0
"""Seconds until the stores answer in time."""
READS = (
    "/builds", "/builds/1", "/changes", "/runs", "/components", "/components/b/two",
    "/why?component=c/three", "/config/b/two",
    "/config/a/one?version=1", "/runtime/b/two", "/types", "/types/a", "/events", "/graph", "/graph?at=1",
    "/graph/impact?component=a/one", "/graph/path?source=c/three&target=a/one", "/graph/diff?from=1&to=2",
    "/graph/diff", "/graph/export", "/graph/validate", "/healthz", "/readyz", "/log?limit=50",
    "/log?component=a/one", "/log?action=terraform_*", "/log?since=2026-01-01T00:00:00Z", "/log/verify",
    "/log/diff?before=2026-01-01T00:00:00Z&after=2036-01-01T00:00:00Z",
    "/artifacts?key=recorded/2026-01-02/none/plan.txt", "/drift", "/whoami", "/tokens",
)  # fmt: skip
COMPONENTS = (
    "components(limit: 9) { items { id status config runtime consumers { component { id status } via } } }"
)
GRAPHQL = (
    '{ component(id: "b/two") { id config runtime producers { component { id } via } } builds { buildId } }',
    '{ impact(component: "a/one") { downstream waves } changes { changeId status } }',
    '{ diff(old: "1", to: "2") { added changed removed } }',
    '{ diff(old: "1") { added changed removed } }',
    f"{{ a: {COMPONENTS} b: {COMPONENTS} }}",
)
