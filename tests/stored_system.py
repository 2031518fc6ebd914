"""An environment on the embedded stores, as a project on disk has them, with Terraform in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.local.artifacts import DirectoryArtifacts
from karma_adapters.local.publish_index import FilePublishIndex
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.sqlite.parameters import LocalParameters
from karma_adapters.sqlite.state import SqliteState
from karma_core.strictjson import canonical
from karma_core.use_cases.configs.publish import publish
from karma_core.workspace import Workspace
from karma_log.log import Log
from karma_log.sinks.sqlite import SqliteSink
from tests.memory_system import System


class StoredSystem(System):
    """`System` with SQLite files and a folder of configs below root. Close it."""

    def __init__(
        self, root: Path, definitions: dict[str, dict[str, Any]] | None = None, types: str = "a b c d e"
    ) -> None:
        super().__init__(definitions, types)
        self.root = root
        self.parameters = LocalParameters(root / "parameters.sqlite", clock=self.clock)  # type: ignore[assignment]
        self.state = SqliteState(root / "state.sqlite", clock=self.clock)  # type: ignore[assignment]
        self.graph = SqliteGraphStore(root / "graph.sqlite")  # type: ignore[assignment]
        self.log = Log(SqliteSink(root / "log.sqlite"), self.state)
        self.artifacts = DirectoryArtifacts(root / "artifacts")  # type: ignore[assignment]

    @property
    def workspace(self) -> Workspace:
        """The environment with the folder as its repository."""
        return replace(
            super().workspace,
            repository=GitConfigRepository(self.root),
            publish_index=FilePublishIndex(self.root / "publish"),
        )

    def publish(self, **configs: dict[str, Any]) -> None:
        """Write config files (`a_one` stands for `a/one`) and publish them."""
        for name, config in configs.items():
            component_type, _, nickname = name.partition("_")
            path = self.root / "iac" / "test" / component_type / nickname / "config.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(canonical(config))
        publish(self.workspace)

    def close(self) -> None:
        """Let go of the files."""
        self.log.close()
        for store in (self.state, self.graph, self.parameters):
            store.close()
