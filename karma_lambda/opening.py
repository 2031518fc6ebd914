"""From a function's settings to services: the one place here that wires. Every store is in AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ulid import ULID

from karma_adapters.aws.wiring import AwsStores
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_adapters.gremlin.text import GremlinText
from karma_adapters.settings import AwsSettings, Environment, Settings
from karma_api.limits import Limits
from karma_api.service import Service, Services, make_service
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.roles import Role
from karma_core.workspace import Actor, Workspace
from karma_lambda import absent
from karma_lambda.claims import SOURCE, GatewayAccess
from karma_lambda.settings import SCRATCH, FunctionSettings, Runs, project_settings
from karma_log.log import Log

STORE_SECONDS = 20.0
"""How long Neptune is tried. Ours: an HTTP API ends a request after 30 s (its quotas), and the caller is to
hear what failed."""


MakeStarter = Callable[[Settings, Runs, ports.ParameterStore, ports.StateStore, AwsStores], ports.RunStarter]


def open_services(function: FunctionSettings, make_starter: MakeStarter | None = None) -> Services:
    """The environments of the settings; each is opened when a request first asks for it.

    `make_starter`: for functions that order runs.
    """
    settings = project_settings(function)
    names = tuple(sorted(settings.environments))
    default = settings.project.default_environment
    services: list[Services] = []

    def open_one(name: str) -> Service:
        opened = _open(settings, function.runs, make_starter, name)
        return replace(opened, peers=services[0])

    services.append(Services(names, default, open_one))
    return services[0]


def _open(settings: Settings, runs: Runs, make_starter: MakeStarter | None, name: str) -> Service:
    """One environment; nothing is connected before it is used."""
    section = _checked(name, settings.section(name))
    stores = AwsStores(name, section.region, section.aws or AwsSettings(), SCRATCH / name, clock=_now)
    state = stores.state()
    log = Log(_sink(settings, stores), state)
    client = _client(section)
    api = settings.api
    workspace = Workspace(
        environment=settings.choose_environment(name),
        parameters=stores.parameters(),
        graph=GremlinGraphStore(client, deadline_seconds=STORE_SECONDS),
        state=state,
        log=log,
        artifacts=stores.artifacts(),
        modules=absent.NoModules(),
        terraform=absent.NoTerraform(),
        reloader=absent.NoReloader(),
        repository=absent.NoRepository(),
        publish_index=absent.NoPublishIndex(),
        actor=Actor(user=SOURCE, source=SOURCE),
        clock=_now,
        new_id=_new_id,
        say=_say_nothing,
    )
    starter = (
        make_starter(settings, runs, workspace.parameters, state, stores) if make_starter else absent.NoRuns()
    )
    limits = Limits(
        requests_per_second=api.requests_per_second, burst=api.burst, body_bytes=api.max_body_bytes
    )
    return behind_gateway(
        make_service(
            workspace,
            log=log,
            starter=starter,
            gremlin=partial(GremlinText(client).query, name),
            limits=limits,
            plans_here=False,
        ),
        anonymous=Role(api.anonymous_role) if api.anonymous_role else None,
    )


def behind_gateway(service: Service, *, anonymous: Role | None = None) -> Service:
    """The service with the door that knows API Gateway's authorizers."""
    access = GatewayAccess(service.workspace, anonymous=anonymous, limits=service.limits)
    return replace(service, access=access)


def _checked(name: str, section: Environment) -> Environment:
    """The environment's settings, if all of its stores can be reached from a function."""
    wanted = {"parameters": "ssm", "state": "dynamodb", "artifacts": "s3", "graph": "gremlin"}
    wrong = [f'{key} = "{value}"' for key, value in wanted.items() if getattr(section, key) != value]
    if wrong:
        raise SettingsError(
            f"the environment {name} cannot be served by a function",
            why="its stores are files of one machine",
            next_step=f"set {', '.join(wrong)} in [environments.{name}]",
        )
    return section


def _sink(settings: Settings, stores: AwsStores) -> Any:
    """The sink that orders. The others follow it wherever a process has them open."""
    required = settings.log.required
    if required not in {"dynamodb", "s3"}:
        raise SettingsError(
            f"the log cannot be kept in {required} by a function",
            next_step='set required = "dynamodb" (or "s3") in [log]',
        )
    return stores.event_table() if required == "dynamodb" else stores.event_bucket()


def _client(section: Environment) -> GremlinClient:
    region = section.region if section.gremlin_auth == "sigv4" else None
    return GremlinClient(Endpoint(url=section.gremlin_url, iam_region=region, request_seconds=STORE_SECONDS))


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(ULID())


def _say_nothing(_event: str, _facts: dict[str, Any]) -> None:
    pass
