"""The graph read from replicas where they are far enough, and written to the writer.

A replica of Neptune is some milliseconds behind, or seconds. What is current is therefore asked of the
writer, which is one small query; the graph itself comes from a replica if it has that build, or a newer one.
Otherwise, and where no replica answers, it comes from the writer: no graph is older than the writer's.

The reader endpoint leads each connection to another replica, so that the parts of one graph may come from
replicas of different age: what was read has to have the build's digest (GremlinGraphStore, `replicas`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from karma_core.errors import StoreError
from karma_core.model import Build, Delta, Snapshot
from karma_core.ports import GraphStore
from karma_core.records import Lease

READER_SECONDS: Final = 2.0
"""How long a replica that does not answer is waited for before the writer is asked. Ours."""
REST_SECONDS: Final = 30.0
"""How long replicas are left alone after one did not answer. Ours: the next reads do not wait for it, too."""

Outcome = Literal["read", "behind", "failed"]
_lock = threading.Lock()
_reads: Final[dict[Outcome, int]] = {"read": 0, "behind": 0, "failed": 0}


def so_far() -> dict[Outcome, int]:
    """Reads of graphs from replicas in this process, by what became of them."""
    with _lock:
        return dict(_reads)


def _count(outcome: Outcome) -> None:
    with _lock:
        _reads[outcome] += 1


class ReadersFirst:
    """ports.GraphStore over the writer's store and one over the replicas."""

    def __init__(
        self, writer: GraphStore, readers: GraphStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._rests_until = -REST_SECONDS

    def current(self, environment: str) -> Build | None:
        """The current build, as the writer says it."""
        return self._writer.current(environment)

    def load(self, environment: str) -> Snapshot | None:
        """The graph of the current build, or of a newer one."""
        current = self._writer.current(environment)
        if current is None:
            return None
        return self._of_readers(environment, current) or self._writer.load(environment)

    def builds_behind(self, environment: str) -> int:
        """How many builds the replica that answers is behind the writer; StoreError where none answers."""
        current, replica = self._writer.current(environment), self._readers.current(environment)
        return max(0, _number(current) - _number(replica))

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

    def _of_readers(self, environment: str, current: Build) -> Snapshot | None:
        """The replicas' graph; None where it is older than the current build, or none can be had."""
        if self._clock() < self._rests_until:
            return None
        try:
            if _number(self._readers.current(environment)) < current.id:
                _count("behind")
                return None
            snapshot = self._readers.load(environment)
        except StoreError as error:
            if error.facts.get("moving"):
                _count("behind")
                return None
            self._rests_until = self._clock() + REST_SECONDS
            _count("failed")
            return None
        far_enough = snapshot is not None and snapshot.build.id >= current.id
        _count("read" if far_enough else "behind")
        return snapshot if far_enough else None


def _number(build: Build | None) -> int:
    return build.id if build is not None else 0
