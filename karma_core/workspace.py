"""One environment with its ports: what every use case gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from karma_core import ids, ports
from karma_core.roles import Role


@dataclass(frozen=True, kw_only=True)
class EnvironmentSettings:
    """What the core must know of an environment.

    `variables` are extra Terraform variables, the same for every component. `parallelism` bounds how many
    components are worked on at once. `lease_seconds` is how long a lease lives without renewal. `policy` is
    what `karma_core.policy` reads, `identities` whose
    names are whose; `foreign_prefixes` are those of the project's other environments.
    """

    name: str
    prefix: str = "/iac"
    region: str = "us-east-1"
    variables: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    identities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    foreign_prefixes: tuple[str, ...] = ()
    parallelism: int = 4
    lease_seconds: float = 60.0

    def __post_init__(self) -> None:
        ids.check_environment(self.name)
        ids.check_prefix(self.prefix)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, and through which entry point (`cli`, `api`, `ui`, `lambda`, `webhook`, `schedule`, `flow`).

    `proof` says how it is known that it is this user: `token` (a Karma token), `aws` (AWS's caller identity),
    `oidc` (an OIDC token), `webhook` (a signed delivery); empty where the name was only said. `role` is the
    one that the proof carries, None where it carries none.
    `flow_run` is the id of the Prefect flow run that carries it out, if one does.
    `change_id` and `cause` are set while one acts for a change: every event then names the change, and the
    first of a run the event that led to it.
    """

    user: str
    source: str = "cli"
    proof: str = ""
    role: Role | None = None
    flow_run: str | None = None
    change_id: str | None = None
    cause: str | None = None


def only_said(actor: Actor) -> Actor:
    """The actor unchanged: `Workspace.prove` where a name cannot be proven later than at the entry point."""
    return actor


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """An environment, wired: by `karma_adapters.wiring.bootstrap`, in functions by `karma_lambda.opening`.

    `prove` proves an actor who is only said, as far as the process can. It may ask a service, so it is called
    only where the policy names persons, and gives the actor unchanged where there is no proof. `plans_here`
    is False where there are no modules and no Terraform: a change then waits for a run that plans it.
    """

    environment: EnvironmentSettings
    parameters: ports.ParameterStore
    graph: ports.GraphStore
    state: ports.StateStore
    log: ports.EventLog
    artifacts: ports.ArtifactStore
    modules: ports.Modules
    terraform: ports.Terraform
    reloader: ports.Reloader
    repository: ports.ConfigRepository
    publish_index: ports.PublishIndex
    actor: Actor
    clock: ports.Clock
    new_id: Callable[[], str]
    say: ports.Say
    prove: Callable[[Actor], Actor] = only_said
    plans_here: bool = True

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def prefix(self) -> str:
        """The environment's parameter prefix."""
        return self.environment.prefix

    def now(self) -> str:
        """The current time as ISO 8601 in UTC, microseconds, with a Z."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def config_parameter(self, address: str) -> str:
        """Name of a component's config parameter."""
        return ids.config_parameter(self.prefix, address)

    def runtime_parameter(self, address: str) -> str:
        """Name of a component's runtime parameter."""
        return ids.runtime_parameter(self.prefix, address)
