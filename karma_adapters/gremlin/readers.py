"""The graph read from replicas where they are far enough, and written to the writer.

A replica of Neptune is some milliseconds behind, or seconds. What is current is therefore asked of the
writer, which is one small query; the graph itself comes from a replica if it has that build, or a newer one.
Otherwise, and where no replica answers, it comes from the writer: no graph is older than the writer's.
"""

from __future__ import annotations

from karma_core.errors import StoreUnavailable
from karma_core.model import Build, Delta, Snapshot
from karma_core.ports import GraphStore
from karma_core.records import Lease


class ReadersFirst:
    """ports.GraphStore over the writer's store and one over the replicas."""

    def __init__(self, writer: GraphStore, readers: GraphStore) -> None:
        self._writer = writer
        self._readers = readers

    def current(self, environment: str) -> Build | None:
        """The current build, as the writer says it."""
        return self._writer.current(environment)

    def load(self, environment: str) -> Snapshot | None:
        """The graph of the current build, or of a newer one."""
        current = self._writer.current(environment)
        if current is None:
            return None
        snapshot = self._of_readers(environment)
        if snapshot is not None and snapshot.build.id >= current.id:
            return snapshot
        return self._writer.load(environment)

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta at the writer."""
        self._writer.commit(build, delta, lease)

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first, as the writer has them."""
        return self._writer.builds(environment, limit=limit)

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record, as the writer has it."""
        return self._writer.build(environment, build_id)

    def close(self) -> None:
        """Close both."""
        try:
            self._readers.close()
        finally:
            self._writer.close()

    def _of_readers(self, environment: str) -> Snapshot | None:
        try:
            return self._readers.load(environment)
        except StoreUnavailable:
            return None
