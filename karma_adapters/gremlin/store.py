"""ports.GraphStore on Gremlin.

How a commit of a build becomes visible as one thing:

1. A small transaction raises the fence and marks the Lock `publishing`.
2. One transaction moves the Lock to the new build and writes the delta. Neptune shows all of it or nothing
   to everybody. TinkerTransactionGraph makes a commit visible element by element, therefore:
3. a small transaction takes the mark away. While it stands, Karma's reads take only a graph that has the
   digest of the current build; without it, they require that the Lock did not move while they read.

A delta too large for one transaction, or one that the server could not take in one (it had no memory left,
or met other writers late), is first staged as text under `Staged` vertices, made current by moving
the Lock in one transaction (`redo`), and then written into the graph in small ones. Readers apply the staged
delta to what they read until that is done: a put replaces a whole element and a drop may find nothing, so
that it does not matter how far the writing has come. A writer that finds such a delta finishes it first.

A first graph of very many components is loaded by Neptune from S3 (`bulk`), where an environment has a role
for it, and made current by moving the Lock. A builder that finds what a dead one was loading ends that, and
drops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal

from karma_adapters.gremlin import queries, retry, schema
from karma_adapters.gremlin.bulk import BulkLoader
from karma_adapters.gremlin.client import TRANSACTION_SECONDS, GremlinClient
from karma_adapters.gremlin.committing import BuildCommit
from karma_adapters.gremlin.reading import GraphReader
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.schema import Lock
from karma_core.deadlines import Deadline
from karma_core.failpoints import reach
from karma_core.json_types import GremlinValue
from karma_core.model import Build, Delta, Snapshot
from karma_core.records import Lease

TRANSACTION_ITEMS: Final = 50_000
"""Components and edges in one transaction. Ours: at 100 a second it ends within Neptune's ten minutes."""


class GremlinGraphStore:
    """ports.GraphStore on Neptune or a Gremlin Server. Threads may share it.

    `replicas`: behind the endpoint are replicas, each request may be answered by another one. A graph is then
    proven by its digest, and read once: who asks has a writer to go to. `loader` takes large first graphs.
    """

    def __init__(
        self,
        client: GremlinClient,
        *,
        patience: Patience | None = None,
        transaction_items: int = TRANSACTION_ITEMS,
        now: Callable[[], float] = time.time,
        replicas: bool = False,
        loader: BulkLoader | None = None,
    ) -> None:
        self._client = client
        self._replicas = replicas
        self._loader = loader
        self._patience = patience or Patience()
        self._transaction_items = transaction_items
        self._now = now

    def current(self, environment: str) -> Build | None:
        """The current build, or None before the first. One request."""
        return self._lock(environment).current

    def load(self, environment: str) -> Snapshot | None:
        """The whole current graph with its build. Five requests where nobody writes."""
        lock = self._lock(environment)
        if lock.current is None:
            return None
        deadline = self._patience.reading(lock.current.components + lock.current.dependencies)
        reader = self._reader(environment, deadline)
        if self._replicas:
            return reader.snapshot(lock)
        first = [lock]
        return retry.until_done(lambda: reader.snapshot(first.pop() if first else None), deadline=deadline)

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta and make the build current, in one step."""
        reach("graph.commit.begin")
        deadline = self._patience.writing(delta.records)
        commit = BuildCommit(
            client=self._client,
            reader=self._reader(build.environment, deadline),
            build=build,
            delta=delta,
            token=lease.token,
            deadline=deadline,
            until=int(self._now() + max(deadline.left(), TRANSACTION_SECONDS)),
            loader=self._loader,
        )
        if commit.loaded():
            pass
        elif delta.records > self._transaction_items:
            commit.staged()
        else:
            commit.in_one_transaction()
        reach("graph.commit.end")

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first."""
        rows = self._read(queries.read_builds(environment, limit))
        return tuple(schema.read_build(row) for row in rows)

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record."""
        rows = self._read(queries.read_build(environment, build_id))
        return schema.read_build(rows[0]) if rows else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _lock(self, environment: str) -> Lock:
        deadline = self._patience.reading()
        return retry.until_done(self._reader(environment, deadline).lock, deadline=deadline)

    def _read(self, traversal: GraphTraversal) -> list[GremlinValue]:
        deadline = self._patience.reading()
        return retry.until_done(lambda: self._client.submit(traversal, until=deadline), deadline=deadline)

    def _reader(self, environment: str, deadline: Deadline) -> GraphReader:
        return GraphReader(self._client, environment, self._now, deadline, by_digest=self._replicas)
