"""Builds services from a project's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock

from karma_adapters.local.thread_runs import Flow, ThreadRuns
from karma_adapters.prefect.discovery import find_api
from karma_adapters.wiring import bootstrap
from karma_adapters.wiring.issuers import open_issuers
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_api.limits import Limits
from karma_api.service import Hooks, Service, Services, make_service, no_metrics
from karma_core import ports
from karma_core.errors import KarmaError
from karma_core.graph.gremlin_answer import GremlinAnswer
from karma_core.issuers import Issuers
from karma_core.json_types import JsonMapping
from karma_core.use_cases.changes.pull_request import check_pull_request
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.graph.kept_modules import by_kept_modules
from karma_core.workspace import Workspace


def open_services(root: Path, *, metrics: Callable[[], bytes] = no_metrics) -> Services:
    """The services of a project; environments are opened when they are first asked for.

    Runs are started on the Prefect API that is known now, else in threads of this process.
    """
    settings = read_settings(root)
    names = tuple(settings.environment_names())
    services: list[Services] = []
    more: dict[str, Flow] = {"pull-request-check": partial(_check_pull_request, settings)}
    threads = ThreadRuns(lambda name: services[0].of(name).with_terraform(), more)
    issuers = open_issuers(settings)
    prefect = None if find_api(settings) is None else bootstrap.open_runs(settings)
    starter: ports.RunStarter = prefect or threads
    checks: dict[str, Callable[[], object]] = {"prefect": prefect.check} if prefect is not None else {}

    def open_one(name: str) -> Service:
        return open_service(
            settings, name, starter, metrics=metrics, peers=services[0], checks=checks, issuers=issuers
        )

    services.append(Services(names, default_environment(settings), open_one, before_close=threads.close))
    return services[0]


def _check_pull_request(settings: Settings, workspace: Workspace, asked: JsonMapping) -> object:
    """The flow `pull-request-check` where no Prefect runs it."""
    return check_pull_request(
        workspace,
        bootstrap.open_code_host(settings),
        asked["repository"],
        asked["number"],
        repositories=settings.webhooks.repositories,
        config_dir=settings.project.config_dir,
    )


def default_environment(settings: Settings) -> str | None:
    """The environment of requests that name none."""
    try:
        return settings.choose_environment(None).name
    except KarmaError:
        return None  # then every request names one


def open_service(
    settings: Settings,
    name: str,
    starter: ports.RunStarter,
    *,
    metrics: Callable[[], bytes] = no_metrics,
    peers: Services | None = None,
    checks: Mapping[str, Callable[[], object]] | None = None,
    issuers: Issuers | None = None,
) -> Service:
    """One environment, opened: stores are connected, nothing is written.

    Refused `environment-mismatch` where the account is bound to another one.
    """
    stores = bootstrap.open_stores(settings, name)
    opened = bootstrap.open_workspace(settings, name, source="api", user="api", stores=stores)
    check_binding(opened)
    workspace = opened if _can_plan(opened) else by_kept_modules(opened)
    api = settings.api
    return make_service(
        workspace,
        log=stores.log,
        starter=starter,
        gremlin=_LazyGremlin(settings, name),
        limits=limits_of(settings),
        anonymous=api.role_without_token,
        metrics=metrics,
        hooks=hooks_of(settings, name),
        peers=peers,
        checks=checks,
        issuers=issuers,
    )


def hooks_of(settings: Settings, name: str) -> Hooks:
    """Return the settings of an environment's webhooks."""
    said = settings.webhooks
    return Hooks(
        github_secret=said.github_secret.reveal(),
        generic_secret=settings.section(name).webhook_secret.reveal(),
        repositories=tuple(said.repositories),
        branches=tuple(said.branches),
        config_dir=settings.project.config_dir,
    )


def limits_of(settings: Settings) -> Limits:
    """The limits that the settings say."""
    api = settings.api
    return Limits(
        requests_per_second=api.requests_per_second,
        burst=api.burst,
        body_bytes=api.max_body_bytes,
        request_seconds=api.request_seconds,
        streams=api.max_streams,
    )


def _can_plan(workspace: Workspace) -> bool:
    """Whether there are modules and a Terraform to plan with."""
    try:
        return bool(workspace.modules.types() and workspace.terraform.version())
    except KarmaError:
        return False


class _LazyGremlin:
    """Gremlin over the environment's graph, opened at the first query."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._opening = Lock()
        self._opened: bootstrap.Gremlin | None = None

    def __call__(self, text: str) -> GremlinAnswer:
        """The answer to a text."""
        with self._opening:
            if self._opened is None:
                self._opened = bootstrap.open_gremlin(self._settings, self._name, served=True)
        return self._opened.query(self._name, text)

    def close(self) -> None:
        """End what was opened."""
        close = getattr(self._opened, "close", None)
        if close is not None:
            close()
