"""Builds services from a function's settings. Every store is in AWS."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ulid import ULID

from karma_adapters.aws.wiring import AwsStores
from karma_adapters.gremlin import store as _  # noqa: F401 - loaded while a container starts, not by its first request
from karma_adapters.wiring.kinds import SINKS, STORES, advice, kind_of
from karma_adapters.wiring.settings import Environment, Sections
from karma_adapters.wiring.stores import Stores, say_nothing, utc_now
from karma_api.cached_graph import CachedGraph
from karma_api.limits import Limits
from karma_api.service import Hooks, Service, Services, make_service
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.masking.names import credential_names
from karma_core.roles import Role
from karma_core.use_cases.graph.kept_modules import KeptModules
from karma_core.use_cases.graph.last_build import require_last_build
from karma_core.workspace import Actor, OpenEnvironment, StoredEnvironment
from karma_lambda.claims import SOURCE, GatewayAccess
from karma_lambda.settings import SCRATCH, FunctionSettings, Runs, Webhooks, project_settings

if TYPE_CHECKING:
    from karma_core.graph.gremlin_answer import GremlinAnswer

STORE_SECONDS = 10.0
"""How long Neptune is tried. Ours: an HTTP API ends a request after 30 s (its quotas), and the caller is to
hear what failed, also where other stores were asked before."""
GRAPH_SECONDS = 20.0
"""How long a request waits for the newest graph. Ours: what then is left of 30 s is for everything else."""

MakeStarter = Callable[[Sections, Runs, ports.ParameterStore, ports.StateStore, AwsStores], ports.RunStarter]
MakeHooks = Callable[[Sections, Webhooks, ports.ParameterStore, str], Hooks]


def open_services(
    function: FunctionSettings,
    make_starter: MakeStarter | None = None,
    make_hooks: MakeHooks | None = None,
) -> Services:
    """The environments of the settings; each is opened when a request first asks for it.

    `make_starter`: for functions that order runs; `make_hooks`: for those that take webhooks.
    """
    settings = project_settings(function)
    names = tuple(sorted(settings.environments))
    services: list[Services] = []

    def open_one(name: str) -> Service:
        service, stores = _open(settings, name)
        parameters, state = service.workspace.parameters, service.workspace.state
        if make_starter is not None:
            starter = make_starter(settings, function.runs, parameters, state, stores.aws)
            service = replace(service, starter=starter)
        if make_hooks is not None:
            service = replace(service, hooks=make_hooks(settings, function.webhooks, parameters, name))
        return replace(service, peers=services[0])

    services.append(Services(names, settings.project.default_environment, open_one))
    return services[0]


def _open(settings: Sections, name: str) -> tuple[Service, Stores]:
    """One environment that orders no runs, and its stores. Nothing is connected before it is used."""
    _check(name, settings.environments[name])
    _check_log(settings, name)
    own = [os.environ[variable] for variable in credential_names(os.environ)]
    stores = Stores(settings, name, SCRATCH / name, copies=False, gremlin_seconds=STORE_SECONDS, secrets=own)
    api = settings.api
    environment = settings.environment(name)
    kept = KeptModules(stores.state, environment)
    workspace = StoredEnvironment(
        environment=environment,
        parameters=stores.parameters,
        graph=stores.graph,
        state=stores.state,
        log=stores.log,
        artifacts=stores.artifacts,
        modules=kept,
        planned_with=kept.terraform_version,
        actor=Actor(user=SOURCE, source=SOURCE),
        clock=utc_now,
        new_id=_new_id,
        say=say_nothing,
        known_secrets=stores.known_secrets,
    )
    limits = Limits(
        requests_per_second=api.requests_per_second, burst=api.burst, body_bytes=api.max_body_bytes
    )
    service = behind_gateway(
        make_service(
            workspace,
            log=stores.log,
            starter=None,
            gremlin=partial(_ask, stores, name),
            limits=limits,
            graph=patient_graph(workspace),
        ),
        anonymous=api.role_without_token,
    )
    return service, stores


def patient_graph(workspace: OpenEnvironment) -> CachedGraph:
    """Graph cache for a Lambda container: no background threads; a request blocks until the graph is fresh.

    A reader waits for the newest build: between two requests the container sleeps, and an old view would be
    as old as its last request.
    """
    return CachedGraph(
        workspace.graph,
        workspace.artifacts,
        workspace.name,
        patience_seconds=GRAPH_SECONDS,
        first_seconds=GRAPH_SECONDS,
        check=partial(require_last_build, workspace),
        all_wait=True,  # a look may be under way that an earlier request waited for in vain
    )


def _ask(stores: Stores, name: str, text: str) -> GremlinAnswer:
    """The answer to Gremlin text about an environment's graph."""
    from karma_adapters.gremlin.text import GremlinText  # noqa: PLC0415 - one route of one function reads text

    return GremlinText(stores.gremlin).query(name, text)


def behind_gateway(service: Service, *, anonymous: Role | None = None) -> Service:
    """Return the service with access control that knows API Gateway's authorizers."""
    access = GatewayAccess(service.workspace, anonymous=anonymous, limits=service.limits)
    return replace(service, access=access)


def _check(name: str, section: Environment) -> None:
    """SettingsError where a store of the environment cannot be reached from a function."""
    wrong = [f"{key} = {advice(STORES[key])}" for key, kind in section.stores().items() if not kind.shared]
    if wrong:
        raise SettingsError(
            f"the environment {name} cannot be served by a function",
            why="its stores are local files, which a Lambda function cannot reach",
            next_step=f"set {', '.join(wrong)} in [environments.{name}]",
        )


def _check_log(settings: Sections, name: str) -> None:
    """SettingsError where the sink that orders is no shared one. The others follow it where they are open."""
    required = kind_of(SINKS, settings.log_of(name).required)
    if not required.shared:
        raise SettingsError(
            f"the log of {name} cannot be kept in {required.name} by a function",
            next_step=f"set required = {advice(SINKS)} in [environments.{name}.log] or in [log]",
        )


def _new_id() -> str:
    return str(ULID())
