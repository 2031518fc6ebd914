"""The graph store that an environment's settings name. gremlinpython is loaded only where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.wiring.settings import Environment
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.graph.gremlin_answer import LIMIT, SECONDS, GremlinAnswer

if TYPE_CHECKING:
    from karma_adapters.gremlin.client import GremlinClient


class Gremlin(Protocol):
    """Answers Gremlin text about the current graph of an environment."""

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        ...


def open_store(section: Environment, folder: Path, kind: str | None = None) -> ports.GraphStore:
    """The store of that kind (None: the one that the settings choose). Nothing is connected yet."""
    if (kind or section.graph) == "sqlite":
        return SqliteGraphStore(folder / "graph.sqlite")
    from karma_adapters.gremlin.store import GremlinGraphStore  # noqa: PLC0415

    return GremlinGraphStore(_client(section))


def open_gremlin(section: Environment, folder: Path) -> Gremlin:
    """Gremlin over the chosen store: its own, or an engine in this process."""
    if section.graph == "sqlite":
        from karma_adapters.gremlin.embedded import EmbeddedGremlin  # noqa: PLC0415

        return EmbeddedGremlin(open_store(section, folder))
    from karma_adapters.gremlin.text import GremlinText  # noqa: PLC0415

    return GremlinText(_client(section))


def _client(section: Environment) -> GremlinClient:
    from karma_adapters.gremlin.client import Endpoint, GremlinClient  # noqa: PLC0415

    if not section.gremlin_url:
        raise SettingsError(
            "there is no Gremlin endpoint for this environment",
            next_step="set gremlin_url in its section of karma.toml, like wss://HOST:8182/gremlin",
        )
    region = section.region if section.gremlin_auth == "sigv4" else None
    return GremlinClient(Endpoint(url=section.gremlin_url, iam_region=region))
