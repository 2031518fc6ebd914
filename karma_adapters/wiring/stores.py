"""An environment's stores, opened as its settings name them: one place for every process."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from karma_adapters.aws.wiring import AwsStores
from karma_adapters.wiring.kinds import GRAPH, SINKS, advice, kind_of
from karma_adapters.wiring.settings import AwsSettings, Environment, Sections
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.json_types import JsonObject
from karma_core.masking.known import KnownSecrets
from karma_core.ports import Say
from karma_log.log import Log
from karma_log.redact import Redactor

if TYPE_CHECKING:
    from karma_adapters.gremlin.bulk import BulkLoader
    from karma_adapters.gremlin.client import GremlinClient


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def say_nothing(_event: str, _facts: JsonObject) -> None:
    """Ignore progress events."""


class Stores:
    """The stores of one environment. Each is opened when it is first asked for, and then the same one.

    `folder` holds those of this machine, and caches of those in AWS. `copies` says whether the log's further
    sinks are kept up here, too. `gremlin_seconds` bounds every call to a Gremlin store as a whole.
    `secrets` are the process's own credentials, which its log masks.
    """

    def __init__(
        self,
        settings: Sections,
        environment: str,
        folder: Path,
        *,
        say: Say = say_nothing,
        copies: bool = True,
        gremlin_seconds: float = math.inf,
        secrets: Iterable[str] = (),
    ) -> None:
        self.section: Environment = settings.section(environment)
        self.folder = folder
        self.clock: ports.Clock = utc_now
        self.known_secrets = KnownSecrets(secrets)
        self.gremlin_seconds = gremlin_seconds
        self._log = settings.log_of(environment)
        self._name = environment
        self._say = say
        self._copies = copies
        aws = self.section.aws or AwsSettings()
        self.aws: AwsStores = AwsStores(environment, self.section.region, aws, folder, clock=self.clock)

    @cached_property
    def parameters(self) -> ports.ParameterStore:
        """Configs and runtimes."""
        store: ports.ParameterStore = self.section.stores()["parameters"].open(self)
        return store

    @cached_property
    def state(self) -> ports.StateStore:
        """Leases, runs, journal, applied records, documents."""
        store: ports.StateStore = self.section.stores()["state"].open(self)
        return store

    @cached_property
    def artifacts(self) -> ports.ArtifactStore:
        """Plans, snapshots of the graph, and what a publish wrote."""
        store: ports.ArtifactStore = self.section.stores()["artifacts"].open(self)
        return store

    @cached_property
    def graph(self) -> ports.GraphStore:
        """The graph, in the store that the settings choose."""
        return self.graph_of(self.section.graph)

    def graph_of(self, name: str) -> ports.GraphStore:
        """The graph store of that kind, whichever the settings choose. Nothing is connected yet."""
        store: ports.GraphStore = kind_of(GRAPH, name).open(self)
        return store

    @cached_property
    def gremlin(self) -> GremlinClient:
        """The client of the environment's Gremlin endpoint; SettingsError where it has none."""
        from karma_adapters.gremlin.client import Endpoint, GremlinClient  # noqa: PLC0415 - loads gremlinpython
        from karma_adapters.gremlin.sigv4 import signature  # noqa: PLC0415

        section = self.section
        if not section.gremlin_url:
            raise SettingsError(
                "there is no Gremlin endpoint for this environment",
                next_step="set gremlin_url in its section of karma.toml, like wss://HOST:8182/gremlin",
            )
        sign = partial(signature, access=self.aws.access) if section.gremlin_auth == "sigv4" else None
        return GremlinClient(Endpoint(url=section.gremlin_url, sign=sign))

    @cached_property
    def bulk_loader(self) -> BulkLoader | None:
        """Neptune's loader of large first graphs; None where it has no role to read the bucket with."""
        section = self.section
        if not section.gremlin_load_role:
            return None
        url = urlsplit(section.gremlin_url)
        endpoint = f"{'https' if url.scheme == 'wss' else 'http'}://{url.netloc}"
        return self.aws.neptune_loader(
            endpoint, section.gremlin_load_role, section.gremlin_load_vertices, self._say
        )

    @cached_property
    def log(self) -> Log:
        """The log over its sinks, the required one first; SettingsError where that is not shared enough."""
        required = kind_of(SINKS, self._log.required)
        if self.section.stores()["state"].shared and not required.shared:
            raise SettingsError(
                f"the log cannot be kept by {required.name} alone",
                why="all machines share the state, but its log would be one machine's",
                next_step=f"set required = {advice(SINKS)} in [environments.{self._name}.log] or in [log]; "
                "the others follow it",
            )
        others = [name for name in self._log.sinks if name != required.name] if self._copies else []
        copies = [kind_of(SINKS, name).open(self, False) for name in others]
        return Log(
            required.open(self, True),
            self.state,
            copies=copies,
            redactor=Redactor(known=self.known_secrets),
            say=self._say,
        )
