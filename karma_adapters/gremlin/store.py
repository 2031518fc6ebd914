"""ports.GraphStore on Gremlin.

How a commit of a build becomes visible as one thing:

1. A small transaction raises the fence and marks the Lock `publishing`.
2. One transaction moves the Lock to the new build and writes the delta. Neptune shows all of it or nothing
   to everybody. TinkerTransactionGraph makes a commit visible element by element, therefore:
3. a small transaction takes the mark away. While it stands, Karma's reads take only a graph that has the
   digest of the current build; without it, they require that the Lock did not move while they read.

A delta too large for one transaction is first staged as text under `Staged` vertices, made current by moving
the Lock in one transaction (`redo`), and then written into the graph in small ones. Readers apply the staged
delta to what they read until that is done: a put replaces a whole element and a drop may find nothing, so
that it does not matter how far the writing has come. A writer that finds such a delta finishes it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from karma_adapters.gremlin import queries, retry, schema
from karma_adapters.gremlin.client import GremlinClient
from karma_adapters.gremlin.committing import BuildCommit
from karma_adapters.gremlin.reading import GraphReader
from karma_core.failpoints import reach
from karma_core.model import Build, Delta, Snapshot
from karma_core.records import Lease

DEADLINE_SECONDS: Final = 60.0
"""How long a unit of work is tried. Ours: a failover of Neptune takes about 30 s."""
TRANSACTION_ITEMS: Final = 50_000
"""Components and edges in one transaction. Ours: at 100 a second it ends within Neptune's ten minutes."""
TRANSACTION_SECONDS: Final = 600
"""How long a session can last (Neptune User Guide, "Gremlin sessions"): an older mark is a dead writer's."""
_Result = TypeVar("_Result")


class GremlinGraphStore:
    """ports.GraphStore on Neptune or a Gremlin Server. Threads may share it."""

    def __init__(
        self,
        client: GremlinClient,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        transaction_items: int = TRANSACTION_ITEMS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._seconds = deadline_seconds
        self._transaction_items = transaction_items
        self._now = now

    def current(self, environment: str) -> Build | None:
        """The current build, or None before the first. One request."""
        build: Build | None = self._patiently(lambda: self._reader(environment).lock().current)
        return build

    def load(self, environment: str) -> Snapshot | None:
        """The whole current graph with its build. Five requests where nobody writes."""
        snapshot: Snapshot | None = self._patiently(self._reader(environment).snapshot)
        return snapshot

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta and make the build current, in one step."""
        reach("graph.commit.begin")
        commit = BuildCommit(
            client=self._client,
            reader=self._reader(build.environment),
            build=build,
            delta=delta,
            token=lease.token,
            seconds=self._seconds,
            until=int(self._now()) + TRANSACTION_SECONDS,
        )
        if delta.records > self._transaction_items:
            commit.staged()
        else:
            commit.in_one_transaction()
        reach("graph.commit.end")

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first."""
        rows = self._patiently(lambda: self._client.submit(queries.read_builds(environment, limit)))
        return tuple(schema.read_build(row) for row in rows)

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record."""
        rows = self._patiently(lambda: self._client.submit(queries.read_build(environment, build_id)))
        return schema.read_build(rows[0]) if rows else None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _reader(self, environment: str) -> GraphReader:
        return GraphReader(self._client, environment, self._now)

    def _patiently(self, attempt: Callable[[], _Result]) -> _Result:
        return retry.until_done(attempt, seconds=self._seconds)
