"""What a use case takes of an environment: one protocol for each set of ports that belong together.

A use case names the narrowest protocol that has what it uses, and mypy holds it to that. What opens an
environment (`karma_core.workspace`) fits them by its shape: `Workspace` fits all of them, and
`StoredEnvironment`, which has neither Terraform nor Git, those that name neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, Self

from karma_core import ports
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import KarmaError
from karma_core.masking.known import KnownSecrets

if TYPE_CHECKING:
    from karma_core.workspace import Actor, EnvironmentSettings, Workspace


class Context(Protocol):
    """Which environment it is, who acts, what time it is, and where progress is told. No store."""

    @property
    def environment(self) -> EnvironmentSettings:
        """What the settings say of the environment."""
        ...

    @property
    def actor(self) -> Actor:
        """Who acts."""
        ...

    @property
    def clock(self) -> ports.Clock:
        """The current time, in UTC."""
        ...

    @property
    def new_id(self) -> Callable[[], str]:
        """Makes a unique id that sorts by time."""
        ...

    @property
    def say(self) -> ports.Say:
        """Tells whoever waits how far it is."""
        ...

    @property
    def prove(self) -> Callable[[Actor], Actor]:
        """Proves an actor who is only said, as far as the process can."""
        ...

    @property
    def known_secrets(self) -> KnownSecrets:
        """The secrets that this process has learnt."""
        ...

    @property
    def name(self) -> str:
        """The environment's name."""
        ...

    @property
    def prefix(self) -> str:
        """The environment's parameter prefix."""
        ...

    def now(self) -> str:
        """The current time as ISO 8601 in UTC, microseconds, with a Z."""
        ...

    def config_parameter(self, address: str) -> str:
        """Name of a component's config parameter."""
        ...

    def runtime_parameter(self, address: str) -> str:
        """Name of a component's runtime parameter."""
        ...

    def acting_as(self, actor: Actor) -> Self:
        """The same, in which somebody else acts."""
        ...


class HasParameters(Context, Protocol):
    """Configs, runtimes and the published policy."""

    @property
    def parameters(self) -> ports.ParameterStore:
        """The parameter store."""
        ...


class HasState(Context, Protocol):
    """Applied records, runs, leases and documents."""

    @property
    def state(self) -> ports.StateStore:
        """The state store."""
        ...


class HasLog(Context, Protocol):
    """The log of events."""

    @property
    def log(self) -> ports.EventLog:
        """The log."""
        ...


class HasArtifacts(Context, Protocol):
    """Plans, snapshots and what else is kept whole."""

    @property
    def artifacts(self) -> ports.ArtifactStore:
        """The artifact store."""
        ...


class HasGraph(Context, Protocol):
    """The graph and its builds."""

    @property
    def graph(self) -> ports.GraphStore:
        """The graph store."""
        ...


class HasModules(Context, Protocol):
    """The types' modules, as files or as a build kept them, and what they are planned with."""

    @property
    def modules(self) -> ports.Modules:
        """The modules."""
        ...

    def terraform_version(self, engine: EngineChoice = ANY) -> str:
        """Name and version of what plans and applies, e.g. `terraform 1.11.4`."""
        ...

    def engine_error(self, component_type: str, engine: EngineChoice) -> KarmaError | None:
        """Why modules of the type cannot be run here; None where they can, or nothing is run here."""
        ...

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Resources of a component that a killed apply may have created, as far as it is known here."""
        ...

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """As `ports.Terraform.lacking`; none where there is no Terraform."""
        ...


class HasTerraform(Context, Protocol):
    """Terraform."""

    @property
    def terraform(self) -> ports.Terraform:
        """What plans and applies one component at a time."""
        ...


class HasGit(Context, Protocol):
    """The work tree with the configs."""

    @property
    def repository(self) -> ports.ConfigRepository:
        """The configs in Git."""
        ...


class HasPublishIndex(Context, Protocol):
    """What the last publish saw of the work tree."""

    @property
    def publish_index(self) -> ports.PublishIndex:
        """The index."""
        ...


class HasReloads(Context, Protocol):
    """What reloads components that need no apply."""

    @property
    def reloader(self) -> ports.Reloader:
        """The reloader."""
        ...


class MayPlan(Context, Protocol):
    """Plans where this process can, and otherwise leaves it to another one."""

    def with_terraform(self) -> Workspace | None:
        """The environment with all that a plan takes; None where this process plans nothing."""
        ...


# -- sets of ports, from few to many; each lists its ports in the order of those above ----------------------


class RecordsAndLog(HasState, HasLog, Protocol):
    """What changes a document of the state store and says so in the log."""


class EventsAndArtifacts(HasLog, HasArtifacts, Protocol):
    """Where an event goes whose details are an artifact."""


class PlanStore(HasState, HasArtifacts, Protocol):
    """Where plans are kept: their bodies are artifacts, their index is in the state store."""


class ComponentPlanning(HasState, HasTerraform, Protocol):
    """What plans components one by one: Terraform, and the journal of what was applied to them."""


class PolicySource(HasParameters, HasState, Protocol):
    """The policy in force: what is published, and how far the state store knows it to be."""


class ModuleChecking(HasModules, HasTerraform, Protocol):
    """What asks Terraform about the types' modules."""


class TerraformAndState(HasState, HasTerraform, Protocol):
    """What knows which applies began, and what Terraform's states have."""


class StateKeeping(HasParameters, HasState, HasTerraform, Protocol):
    """What holds Terraform's states and the published runtimes against what was applied."""


class Accepting(HasParameters, HasState, HasLog, HasTerraform, Protocol):
    """What takes something for right that Karma doubts, because a person says so."""


class Selecting(HasModules, HasGit, Protocol):
    """What says which components a selection names, also by what has changed in Git."""


class ConfigStore(HasParameters, HasState, HasLog, Protocol):
    """What writes configs: the parameters, what is under way, and the events of it."""


class FleetSource(HasParameters, HasState, HasModules, Protocol):
    """All that the fleet of an environment is read from."""


class ConfigShowing(HasParameters, HasModules, Protocol):
    """Configs, and what the types' definitions say of their secret places."""


class GitComparison(HasParameters, HasState, HasGit, HasPublishIndex, Protocol):
    """Configs in Git beside those that are published."""


class ShownComparison(GitComparison, HasModules, Protocol):
    """The same as people are shown it, without secrets."""


class FleetBesideGit(HasParameters, HasState, HasModules, HasGit, HasPublishIndex, Protocol):
    """The fleet as it is stored, and the configs in Git that it is compared with."""


class GraphReading(HasState, HasGraph, Protocol):
    """What shows the stored graph, and the state store, which knows its newest build."""


class GraphBuilding(HasParameters, HasState, HasLog, HasArtifacts, HasGraph, HasModules, Protocol):
    """What builds the graph, keeps it and says so."""


class BackupSource(HasParameters, HasState, HasLog, HasArtifacts, HasGraph, Protocol):
    """All stores of an environment but Terraform's states and the archived modules, to copy or to restore."""


class DestroyPlanning(HasParameters, HasState, HasArtifacts, HasModules, HasTerraform, Protocol):
    """What plans a destroy. It reads no configs in Git."""


class Publishing(
    HasParameters, HasState, HasLog, HasArtifacts, HasModules, HasGit, HasPublishIndex, Protocol
):
    """What publishes configs from Git."""


class Planning(
    HasParameters, HasState, HasArtifacts, HasModules, HasTerraform, HasGit, HasPublishIndex, Protocol
):
    """What plans the cone of a selection."""


class ChangeIntake(HasParameters, HasState, HasLog, HasArtifacts, HasModules, MayPlan, Protocol):
    """What takes a change in, evaluates it, and plans it where that can be done."""


class Destroying(HasParameters, HasState, HasLog, HasArtifacts, HasGraph, HasModules, HasTerraform, Protocol):
    """What carries out a destroy, or looks for drift."""


class Running(
    HasParameters,
    HasState,
    HasLog,
    HasArtifacts,
    HasGraph,
    HasModules,
    HasTerraform,
    HasGit,
    HasReloads,
    Protocol,
):
    """What carries out a deploy."""


class CarryingOut(
    HasParameters,
    HasState,
    HasLog,
    HasArtifacts,
    HasGraph,
    HasModules,
    HasTerraform,
    HasGit,
    HasPublishIndex,
    HasReloads,
    MayPlan,
    Protocol,
):
    """What carries out orders under the policy, and takes in the changes that those become that wait."""
