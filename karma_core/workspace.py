"""One environment, opened: its stores and, where there are any, its modules, Terraform and Git.

Use cases do not name these classes. They take what they use of them, by the protocols of
`karma_core.needs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Self

from karma_core import ids, ports
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import KarmaError
from karma_core.json_types import JsonMapping
from karma_core.masking.known import KnownSecrets
from karma_core.roles import Role
from karma_core.state_places import StateFolder


@dataclass(frozen=True, kw_only=True)
class EnvironmentSettings:
    """What the core must know of an environment.

    `variables` are extra Terraform variables, the same for every component. `parallelism` bounds how many
    components are worked on at once. `lease_seconds` is how long a lease lives without renewal. `policy` is
    what `karma_core.policy` reads, `identities` whose
    names are whose; `foreign_prefixes` are those of the project's other environments. `states` is where the
    components' Terraform states are kept, None where that is not known.
    """

    name: str
    prefix: str = "/iac"
    region: str = "us-east-1"
    variables: JsonMapping = field(default_factory=dict)
    types: Mapping[str, JsonMapping] = field(default_factory=dict)
    policy: JsonMapping = field(default_factory=dict)
    identities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    foreign_prefixes: tuple[str, ...] = ()
    states: StateFolder | None = None
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
    """The actor unchanged: `OpenEnvironment.prove` of a process that can prove nobody."""
    return actor


@dataclass(frozen=True, kw_only=True)
class OpenEnvironment(ABC):
    """An environment's stores, and who acts on them: what every process has, also a function.

    `prove` proves an actor who is only said, as far as the process can. It may ask a service, so it is called
    only where the policy names persons, and gives the actor unchanged where there is no proof.
    `known_secrets` are those that this process has learnt, which its log masks.
    """

    environment: EnvironmentSettings
    parameters: ports.ParameterStore
    graph: ports.GraphStore
    state: ports.StateStore
    log: ports.EventLog
    artifacts: ports.ArtifactStore
    modules: ports.Modules
    actor: Actor
    clock: ports.Clock
    new_id: Callable[[], str]
    say: ports.Say
    prove: Callable[[Actor], Actor] = only_said
    known_secrets: KnownSecrets = field(default_factory=KnownSecrets)

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

    def acting_as(self, actor: Actor) -> Self:
        """The same environment, in which somebody else acts."""
        return replace(self, actor=actor)

    @abstractmethod
    def terraform_version(self, engine: EngineChoice = ANY) -> str:
        """Name and version of what plans and applies here, e.g. `terraform 1.11.4`."""

    @abstractmethod
    def engine_error(self, component_type: str, engine: EngineChoice) -> KarmaError | None:
        """Why modules of the type cannot be run here; None where they can, or nothing is run here."""

    @abstractmethod
    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Resources of a component that a killed apply may have created, as far as it is known here."""

    @abstractmethod
    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """Resources that an apply killed at another place may have created, where the state can be read."""

    @abstractmethod
    def with_terraform(self) -> Workspace | None:
        """The environment with all that a plan takes; None where this process plans nothing."""


@dataclass(frozen=True, kw_only=True)
class Workspace(OpenEnvironment):
    """An environment in a process that has its modules, Terraform and Git: it plans and applies.

    `karma_adapters.wiring.bootstrap` wires it.
    """

    terraform: ports.Terraform
    reloader: ports.Reloader
    repository: ports.ConfigRepository
    publish_index: ports.PublishIndex

    def terraform_version(self, engine: EngineChoice = ANY) -> str:
        """The version of the Terraform that is here."""
        return self.terraform.version(engine)

    def engine_error(self, component_type: str, engine: EngineChoice) -> KarmaError | None:
        """What the Terraform that is here says."""
        try:
            self.terraform.require_engine(component_type, engine)
        except KarmaError as error:
            return error
        return None

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """What the applies that were killed here may have created."""
        return self.terraform.maybe_created(address)

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """What an apply that was killed elsewhere may have created."""
        return self.terraform.lacking(address, place, before)

    def with_terraform(self) -> Workspace | None:
        """The environment itself."""
        return self

    def by_its_stores(self) -> StoredEnvironment:
        """The environment for what is to be planned by another process, later."""
        shared = {one.name: getattr(self, one.name) for one in fields(OpenEnvironment)}
        return StoredEnvironment(**shared, planned_with=self.terraform.version)


@dataclass(frozen=True, kw_only=True)
class StoredEnvironment(OpenEnvironment):
    """An environment in a process that has its stores alone: changes wait there for a run that plans them.

    `planned_with` gives the version of those who plan.
    """

    planned_with: Callable[[EngineChoice], str]

    def terraform_version(self, engine: EngineChoice = ANY) -> str:
        """The version that the others plan with."""
        return self.planned_with(engine)

    def engine_error(self, component_type: str, engine: EngineChoice) -> KarmaError | None:
        """None: it is for those who plan."""
        del component_type, engine
        return None

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Nothing is applied here, so nothing is known of it."""
        del address
        return ()

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """No state is read here."""
        del address, place, before
        return ()

    def with_terraform(self) -> Workspace | None:
        """None: there is no Terraform."""
        return None
