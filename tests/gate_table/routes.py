"""The API, in this process: as a server whose runs are threads, and as functions whose runs are flows.

Functions have no Terraform and no work tree, and order runs on an event bus.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from karma_adapters.aws.eventbridge_runs import FLOWS as BUS_FLOWS
from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_adapters.local.thread_runs import FLOWS as THREAD_FLOWS
from karma_adapters.local.thread_runs import ThreadRuns
from karma_api.dispatch import answer
from karma_api.exchange import Incoming
from karma_api.registry import FUNCTIONS
from karma_api.routes import ROUTES
from karma_api.service import Hooks, Service, Services, make_service
from karma_core.errors import KarmaError
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import by_kept_modules
from karma_core.webhooks import sign
from karma_lambda.opening import behind_gateway
from tests.api_doors import EventDoor, http_api_event
from tests.gate_table import situations
from tests.gate_table.entry import Drivers, Entry
from tests.gate_table.flow_runs import FLOW_PARAMETERS, FlowRuns, parameters_for
from tests.gate_table.situations import COMMIT, Situation, TableSystem
from tests.served_system import QUICK, no_gremlin
from tests.signed_orders import order_headers

SECRET: Final = "a secret that is long enough"
HOOKS: Final = Hooks(github_secret=SECRET, generic_secret=SECRET, repositories=("acme/infra",))
BY_NAME: Final = {route.name: route for route in ROUTES}
FUNCTION_ROUTES: Final = frozenset(
    route.name for resource in FUNCTIONS.values() for route in resource.routes()
)
SAID: Final = {"requested_by": "ann", "source": "api"}
FIRST_ERROR: Final = 400
"""Statuses from here on are those of problem documents."""


class Problem(KarmaError):
    """An answer that is a problem document."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to a route. `{}` stands for the subject; `wants` adds the row's config to the body.

    It is by `user`, about the subject, or with `holder` about the change that the subject waits for.
    """

    situation: Situation
    route: str
    body: Mapping[str, Any] = field(default_factory=dict)
    wants: str = ""
    user: str = "ann"
    holder: bool = False


REQUESTS: Final = (
    Request(
        situation=situations.CHANGE,
        route="request-change",
        body={"component": "a/one"},
        wants="proposed_change",
    ),
    Request(situation=situations.APPROVED, route="change-apply"),
    Request(situation=situations.APPROVED, route="changes-apply"),
    Request(situation=situations.AWAITING, route="change-approve"),
    Request(situation=situations.QUEUED, route="change-cancel", holder=True),
    Request(situation=situations.QUEUED, route="change-reject", holder=True, user="lead"),
    Request(situation=situations.RETRY, route="change-retry"),
    Request(situation=situations.ROLLBACK, route="change-rollback"),
    Request(situation=situations.RESTORATION, route="cone-rollback", body={"component": "a/one"}),
    Request(situation=situations.DEPLOY, route="deploy", body={"everything": True}),
    Request(situation=situations.DEPLOY_OF_PLAN, route="deploy", body={"plan_id": "{}"}),
    Request(situation=situations.RESUME, route="deploy", body={"resume_run": "{}"}),
    Request(situation=situations.REPAIR, route="deploy", body={"targets": ["a/one"]}),
    Request(situation=situations.DESTROY, route="destroy", body={"everything": True}),
    Request(situation=situations.DESTROY_OF_PLAN, route="destroy", body={"plan_id": "{}"}),
    Request(situation=situations.PROMOTION, route="promotion", body={"component": "a/one", "from": "other"}),
    Request(situation=situations.CHANGE, route="publication-request"),
    Request(
        situation=situations.CHANGE,
        route="webhook-generic",
        body={"flow": "change-run", "component": "a/one", "user": "ann"},
        wants="proposed_change",
    ),
    Request(
        situation=situations.CHANGE,
        route="webhook-github",
        body={
            "ref": "refs/heads/main",
            "after": COMMIT,
            "deleted": False,
            "repository": {"full_name": "acme/infra"},
            "pusher": {"name": "ann"},
            "commits": [{"message": "more", "modified": ["iac/test/a/one/config.json"]}],
        },
    ),
)


class Api:
    """Serves an environment in memory, and carries through what its routes start."""

    def __init__(self, flows: FlowRuns) -> None:
        self._flows = flows
        self._tokens: dict[Role, str] = {}
        self._served: dict[str, Service] = {}
        self._functions = EventDoor(_Current(self._served), self._tokens, http_api_event)

    def ask_server(self, asked: Request, system: TableSystem) -> None:
        """Ask a server; its runs are threads of it."""
        runs = ThreadRuns(lambda _: system.workspace)
        self._serve(system, asked, service=_service(system, runs))
        path, body, headers = self._request(asked, system)
        for text in self._tokens.values():
            headers["authorization"] = f"Bearer {text}"
        incoming = Incoming(path=path, headers=headers, body=body)
        made = answer(_Current(self._served), BY_NAME[asked.route], incoming)
        runs.close()
        _raise(made.status, made.body)

    def ask_function(self, asked: Request, system: TableSystem) -> None:
        """Ask a function; its runs are ordered on a bus, from which a worker takes them as flows."""
        build_graph(system.workspace)  # a function knows of the types what a worker kept
        bus = Bus()
        service = _service(system, EventBridgeRuns(bus, "runs", system.state))  # type: ignore[arg-type]
        self._serve(system, asked, service=_as_function(service))
        path, body, headers = self._request(asked, system)
        route = BY_NAME[asked.route]
        role = next(iter(self._tokens), None)
        made = self._functions.post(route.path.format(**path), role=role, content=body, **headers)
        self._flows.system = system
        for order in bus.orders:
            self._flows.start(order["flow"], order["parameters"], idempotency_key=order["idempotency_key"])
        _raise(made.status_code, made.content)

    def start_thread(self, system: TableSystem, flow: str, parameters: Mapping[str, Any]) -> None:
        """Start a flow in a thread for somebody who is only said to be ann."""
        runs = ThreadRuns(lambda _: system.workspace)
        runs.start(flow, {**parameters, **SAID}, idempotency_key="k")
        runs.close()

    def order(self, system: TableSystem, flow: str, parameters: Mapping[str, Any]) -> None:
        """Put the order of a flow on the bus, as anybody can who may write there."""
        bus = Bus()
        starter = EventBridgeRuns(bus, "runs", system.state)  # type: ignore[arg-type]
        starter.start(flow, parameters, idempotency_key="k")
        for order in bus.orders:
            self._flows.run(system, order["flow"], order["parameters"])

    def _serve(self, system: TableSystem, asked: Request, *, service: Service) -> None:
        self._served.clear()
        self._served |= {"test": service, "other": _service(system.neighbour, None, name="other")}
        object.__setattr__(service, "peers", _Current(self._served))
        self._tokens.clear()
        role = BY_NAME[asked.route].role
        if role is not None:
            self._tokens[role] = create(system.workspace, asked.user, role)[1]
            create(system.elsewhere, asked.user, Role.VIEWER)

    def _request(self, asked: Request, system: TableSystem) -> tuple[dict[str, str], bytes, dict[str, str]]:
        """(placeholders of the path, body, headers that sign it where it is a webhook's)."""
        body = {key: system.subject if value == "{}" else value for key, value in asked.body.items()}
        if asked.wants:
            body[asked.wants] = dict(system.row.edit)
        path = {"change_id": system.holder if asked.holder else system.subject}
        raw = json.dumps(body).encode() if body else b""
        route = BY_NAME[asked.route]
        placeholders = {name: value for name, value in path.items() if f"{{{name}}}" in route.path}
        return placeholders, raw, _signed(asked.route, raw, system)


def entries() -> list[Entry]:
    """Every route that starts something, of a server and of a function; the run starters without proof."""
    served = [
        Entry(
            name=asked.route,
            through=through,
            situation=asked.situation,
            ask=partial(ask, asked),
            note=" ".join((asked.situation.kind, *asked.body)),
        )
        for through, ask in (("server", _server), ("function", _function))
        for asked in REQUESTS
        if through == "server" or asked.route in FUNCTION_ROUTES
    ]
    started = [
        Entry(
            name=name, through=through, situation=situation, ask=partial(ask, name, parameters), proven=False
        )
        for through, flows, ask in (("threads", THREAD_FLOWS, _thread), ("event bus", BUS_FLOWS, _order))
        for name, situation, parameters in FLOW_PARAMETERS
        if name in flows
    ]
    return [*served, *started]


def _server(asked: Request, drivers: Drivers, system: TableSystem) -> None:
    drivers.api.ask_server(asked, system)


def _function(asked: Request, drivers: Drivers, system: TableSystem) -> None:
    drivers.api.ask_function(asked, system)


def _thread(name: str, parameters: Mapping[str, Any], drivers: Drivers, system: TableSystem) -> None:
    drivers.api.start_thread(system, name, parameters_for(system, name, parameters))


def _order(name: str, parameters: Mapping[str, Any], drivers: Drivers, system: TableSystem) -> None:
    drivers.api.order(system, name, parameters_for(system, name, parameters))


def _signed(route: str, raw: bytes, system: TableSystem) -> dict[str, str]:
    if route == "webhook-generic":
        workspace = system.workspace
        return order_headers(SECRET, workspace.name, raw, delivery="delivery-1", at=workspace.clock())
    if route == "webhook-github":
        names = {"x-hub-signature-256": sign(SECRET, raw), "x-github-delivery": "delivery-1"}
        return {**names, "x-github-event": "push"}
    return {}


def _raise(status: int, body: bytes) -> None:
    if status >= FIRST_ERROR:
        document = json.loads(body)
        raise Problem(document["title"], code=document["code"])


class Bus:
    """EventBridge's put_events, noted."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []

    def call(self, operation: str, **named: Any) -> dict[str, Any]:
        assert operation == "put_events"
        self.orders += [json.loads(entry["Detail"]) for entry in named["Entries"]]
        return {"FailedEntryCount": 0}


class _Current(Services):
    """The services of the row that is asked about now."""

    def __init__(self, served: dict[str, Service]) -> None:
        super().__init__(("test", "other"), "test", served.__getitem__)
        self._served = served

    def of(self, name: str | None) -> Service:
        """As it is now."""
        return self._served[name or "test"]


def _service(system: Any, starter: Any, name: str = "test") -> Service:
    workspace = system.workspace
    workspace = replace(workspace, environment=replace(workspace.environment, name=name))
    return make_service(
        workspace, log=system.log, starter=starter, gremlin=no_gremlin, limits=QUICK, hooks=HOOKS
    )


def _as_function(service: Service) -> Service:
    """The service as a function opens it."""
    return behind_gateway(replace(service, workspace=by_kept_modules(service.workspace)))
