"""An environment's stores, opened as its settings name them: one place for every process.

What stands in files of this machine is loaded by its name and not by an import: functions have no such
stores, and their packages are made of what is imported.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from karma_adapters.aws.wiring import AwsStores
from karma_adapters.wiring.settings import AwsSettings, Environment, Sections
from karma_adapters.wiring.settings import Sink as SinkName
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.ports import Say
from karma_log.log import Log
from karma_log.sinks.base import Sink

if TYPE_CHECKING:
    from karma_adapters.gremlin.client import GremlinClient

SHARED_SINKS: Final = frozenset({"dynamodb", "s3"})
"""Sinks that all machines share."""
_LOCAL_SINKS: Final = {"file": ("FileSink", "log.jsonl"), "sqlite": ("SqliteSink", "log.sqlite")}
"""Sink → its class and its file."""


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def say_nothing(_event: str, _facts: dict[str, Any]) -> None:
    """Progress that nobody listens to."""


class Stores:
    """The stores of one environment. Each is opened when it is first asked for, and then the same one.

    `folder` holds those of this machine, and caches of those in AWS. `copies` says whether the log's further
    sinks are kept up here, too. `gremlin_seconds` is how long Gremlin is waited for, else the client's own.
    """

    def __init__(
        self,
        settings: Sections,
        environment: str,
        folder: Path,
        *,
        say: Say = say_nothing,
        copies: bool = True,
        gremlin_seconds: float | None = None,
    ) -> None:
        self.section: Environment = settings.section(environment)
        self._log = settings.log_of(environment)
        self._name = environment
        self._folder = folder
        self._say = say
        self._copies = copies
        self._gremlin_seconds = gremlin_seconds
        aws = self.section.aws or AwsSettings()
        self.aws = AwsStores(environment, self.section.region, aws, folder, clock=utc_now)

    @cached_property
    def parameters(self) -> ports.ParameterStore:
        """Configs and runtimes."""
        if self.section.parameters == "ssm":
            return self.aws.parameters()
        local: ports.ParameterStore = self._local(
            "sqlite.parameters", "LocalParameters", "parameters.sqlite", clock=utc_now
        )
        return local

    @cached_property
    def state(self) -> ports.StateStore:
        """Leases, runs, journal, applied records, documents."""
        if self.section.state == "dynamodb":
            return self.aws.state()
        local: ports.StateStore = self._local("sqlite.state", "SqliteState", "state.sqlite")
        return local

    @cached_property
    def artifacts(self) -> ports.ArtifactStore:
        """Plans, snapshots of the graph, and what a publish wrote."""
        if self.section.artifacts == "s3":
            return self.aws.artifacts()
        local: ports.ArtifactStore = self._local("local.artifacts", "DirectoryArtifacts", "artifacts")
        return local

    @cached_property
    def graph(self) -> ports.GraphStore:
        """The graph, in the store that the settings choose."""
        return self.graph_of(self.section.graph)

    def graph_of(self, kind: str) -> ports.GraphStore:
        """The graph store of that kind, whichever the settings choose. Nothing is connected yet."""
        if kind == "sqlite":
            local: ports.GraphStore = self._local("sqlite.graph", "SqliteGraphStore", "graph.sqlite")
            return local
        from karma_adapters.gremlin.store import GremlinGraphStore  # noqa: PLC0415 - loads gremlinpython

        if self._gremlin_seconds is None:
            return GremlinGraphStore(self.gremlin)
        return GremlinGraphStore(self.gremlin, deadline_seconds=self._gremlin_seconds)

    @cached_property
    def gremlin(self) -> GremlinClient:
        """The client of the environment's Gremlin endpoint; SettingsError where it has none."""
        from karma_adapters.gremlin.client import Endpoint, GremlinClient  # noqa: PLC0415 - as above

        section = self.section
        if not section.gremlin_url:
            raise SettingsError(
                "there is no Gremlin endpoint for this environment",
                next_step="set gremlin_url in its section of karma.toml, like wss://HOST:8182/gremlin",
            )
        region = section.region if section.gremlin_auth == "sigv4" else None
        if self._gremlin_seconds is None:
            return GremlinClient(Endpoint(url=section.gremlin_url, iam_region=region))
        return GremlinClient(
            Endpoint(url=section.gremlin_url, iam_region=region, request_seconds=self._gremlin_seconds)
        )

    @cached_property
    def log(self) -> Log:
        """The log over its sinks, the required one first; SettingsError where that is not shared enough."""
        required = self._log.required
        if self.section.state == "dynamodb" and required not in SHARED_SINKS:
            raise SettingsError(
                f"the log cannot be kept by {required} alone",
                why="the state is shared in DynamoDB, but the log that it belongs to would be one machine's",
                next_step='set required = "dynamodb" (or "s3") '
                f"in [environments.{self._name}.log]; the others follow it",
            )
        others = [name for name in self._log.sinks if name != required] if self._copies else []
        copies = [self._sink(name, durable=False) for name in others]
        return Log(self._sink(required, durable=True), self.state, copies=copies, say=self._say)

    def _sink(self, name: SinkName, *, durable: bool) -> Sink:
        if name == "dynamodb":
            return self.aws.event_table()
        if name == "s3":
            return self.aws.event_bucket()
        kind, file = _LOCAL_SINKS[name]
        sink: Sink = _loaded(f"karma_log.sinks.{name}", kind)(self._folder / file, durable=durable)
        return sink

    def _local(self, module: str, kind: str, file: str, **options: Any) -> Any:
        return _loaded(f"karma_adapters.{module}", kind)(self._folder / file, **options)


def _loaded(module: str, kind: str) -> Any:
    return getattr(import_module(module), kind)
