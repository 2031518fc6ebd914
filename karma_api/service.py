"""The service that handlers use: one environment, opened once and shared by all requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from karma_api.access import Access, Caller
from karma_api.bounded import BoundedCalls
from karma_api.cached_graph import CachedGraph
from karma_api.exchange import Outgoing
from karma_api.limits import Limits
from karma_core import ports
from karma_core.errors import NotFound, Refused
from karma_core.ids import shown
from karma_core.issuers import Issuers
from karma_core.json_types import JsonMapping
from karma_core.roles import Role
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.graph.last_build import require_last_build
from karma_core.workspace import Actor, OpenEnvironment, Workspace
from karma_log.read import LogDiff
from karma_log.verify import LogVerification

if TYPE_CHECKING:
    from karma_core.graph.gremlin_answer import GremlinAnswer


class Log(ports.EventLog, Protocol):
    """The log as it is read: `karma_log.log.Log`."""

    def verify(self) -> LogVerification:
        """Check every sink's chain."""
        ...

    def diff(self, one: str, other: str) -> LogDiff:
        """Return the history of each component between two times."""
        ...


Gremlin = Callable[[str], "GremlinAnswer"]
"""Answers Gremlin text about the current graph."""


def no_metrics() -> bytes:
    """Metrics of a process that counts nothing."""
    return b""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Settings of webhooks: their secrets (empty: off), accepted repositories and branches."""

    github_secret: str = field(default="", repr=False)
    generic_secret: str = field(default="", repr=False)
    repositories: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("main",)
    config_dir: str = "iac"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One environment, served.

    `workspace` acts as nobody in particular: handlers use `acting(caller)`. `starter` is None where no runs
    are ordered. `peers` are the other environments that the process serves,
    `issuers` those whose tokens count. `verifying` is held while the
    whole log is read: by one at a time. `checks` are asked by the readiness probe beside the stores; each
    raises a KarmaError where it is not well. `looks` are those that the probe has under way.
    """

    workspace: OpenEnvironment
    log: Log
    graph: CachedGraph
    starter: ports.RunStarter | None
    access: Access
    gremlin: Gremlin
    limits: Limits = field(default_factory=Limits)
    hooks: Hooks = field(default_factory=Hooks)
    peers: Services | None = None
    issuers: Issuers | None = None
    verifying: Lock = field(default_factory=Lock)
    metrics: Callable[[], bytes] = no_metrics
    checks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    looks: BoundedCalls[str] = field(default_factory=BoundedCalls)

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.workspace.name

    def acting(self, caller: Caller) -> OpenEnvironment:
        """The workspace whose events name the caller, proven as the caller is."""
        actor = Actor(user=caller.user, source=caller.source, proof=caller.proof, role=caller.role)
        return self.workspace.acting_as(actor)

    def with_terraform(self, caller: Caller | None = None) -> Workspace:
        """The workspace for what takes modules, Terraform or Git, acting for the caller, if one is given.

        Refused `no-terraform` where they are not here.
        """
        opened = self.workspace if caller is None else self.acting(caller)
        workspace = opened.with_terraform()
        if workspace is None:
            raise Refused(
                "that is not done here",
                why="this process has no modules, no Terraform and no work tree",
                next_step="request a change, or use the command line; workers plan and apply",
                code="no-terraform",
            )
        return workspace

    def start(self, caller: Caller, flow: str, parameters: JsonMapping, *, key: str) -> str:
        """Start a flow for the caller, vouched for where the caller is proven, and give its run's id."""
        body = {**parameters, "environment": self.name, "requested_by": caller.user, "source": caller.source}
        if self.starter is None:
            raise Refused(
                f"the flow {flow} is not started here",
                why="this process orders no runs",
                next_step="send the request to the route that orders runs, or use the command line",
                code="no-terraform",
            )
        vouched = vouch(self.acting(caller), flow, body)
        return self.starter.start(flow, vouched, idempotency_key=f"{self.name}:{flow}:{key}")

    def close(self) -> None:
        """Let go of threads, files and connections."""
        self.graph.close()
        for port in (self.gremlin, self.workspace.graph, self.workspace.log, self.workspace.state):
            close = getattr(port, "close", None)
            if close is not None:
                close()


def make_service(
    workspace: OpenEnvironment,
    *,
    log: Log,
    starter: ports.RunStarter | None,
    gremlin: Gremlin,
    limits: Limits | None = None,
    anonymous: Role | None = None,
    metrics: Callable[[], bytes] = no_metrics,
    hooks: Hooks | None = None,
    peers: Services | None = None,
    graph: CachedGraph | None = None,
    checks: Mapping[str, Callable[[], object]] | None = None,
    issuers: Issuers | None = None,
) -> Service:
    """A service over a workspace and what is not in it."""
    limits = limits or Limits()
    return Service(
        workspace=workspace,
        log=log,
        graph=graph
        or CachedGraph(
            workspace.graph,
            workspace.artifacts,
            workspace.name,
            check=partial(require_last_build, workspace),
        ),
        starter=starter,
        access=Access(workspace, anonymous=anonymous, limits=limits, issuers=issuers),
        gremlin=gremlin,
        limits=limits,
        metrics=metrics,
        hooks=hooks or Hooks(),
        peers=peers,
        issuers=issuers,
        checks=checks or {},
    )


class Services:
    """The environments that are served, each opened when it is first asked for. Threads share it."""

    def __init__(
        self,
        names: tuple[str, ...],
        default: str | None,
        open_one: Callable[[str], Service],
        *,
        before_close: Callable[[], None] | None = None,
    ) -> None:
        self.names = names
        self._default = default
        self._open_one = open_one
        self._before_close = before_close
        self._open: dict[str, Service] = {}
        self.probes: BoundedCalls[Outgoing] = BoundedCalls()
        """Answers under way of routes that have a time (`Route.within`)."""
        self._opening = {name: Lock() for name in names}
        """One lock an environment: one whose stores do not answer keeps no other from being opened."""

    def opened(self, name: str | None) -> Service | None:
        """The named environment, else the default, where it is open already; never waits."""
        chosen = self._chosen(name)
        return self._open.get(chosen) if chosen is not None else None

    def of(self, name: str | None) -> Service:
        """The named environment, else (None) the default; NotFound. An empty name names none.

        Opens it where nobody has yet.
        """
        chosen = self._chosen(name)
        service = self._open.get(chosen) if chosen is not None else None
        if service is not None:
            return service
        if chosen is None or chosen not in self.names:
            raise NotFound(
                "no environment was chosen"
                if chosen is None
                else f"there is no environment {shown(chosen)!r} here",
                next_step="add ?environment=NAME with one that this server serves",
            )
        with self._opening[chosen]:
            if chosen not in self._open:
                self._open[chosen] = self._open_one(chosen)
            return self._open[chosen]

    def _chosen(self, name: str | None) -> str | None:
        return name if name is not None else self._default or self._only()

    def _only(self) -> str | None:
        return self.names[0] if len(self.names) == 1 else None

    def first(self) -> Service:
        """The default environment, else any: for what concerns none in particular."""
        return self.of(self._default or next(iter(self.names), None))

    def close(self) -> None:
        """Close those that were opened, after what still uses them."""
        if self._before_close is not None:
            self._before_close()
        for name, lock in self._opening.items():
            with lock:
                service = self._open.pop(name, None)
            if service is not None:
                service.close()
