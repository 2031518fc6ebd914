"""Reading one whole graph while others write (see `store` for the protocol)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from gremlin_python.process.graph_traversal import GraphTraversal

from karma_adapters.gremlin import queries, schema
from karma_adapters.gremlin.client import GremlinClient
from karma_adapters.gremlin.schema import Lock
from karma_core.deadlines import Deadline
from karma_core.errors import StoreUnavailable
from karma_core.graph.delta import apply, digest, make_graph
from karma_core.json_types import GremlinValue
from karma_core.model import Delta, GraphData, Snapshot

_decode_delta = msgspec.json.Decoder(Delta).decode


class GraphReader:
    """Reads one environment's graph until a deadline; StoreUnavailable if a writer interfered.

    `by_digest`: that the Lock stood still proves nothing, since each answer may be another replica's.
    """

    def __init__(
        self,
        client: GremlinClient,
        environment: str,
        now: Callable[[], float],
        until: Deadline,
        *,
        by_digest: bool = False,
    ) -> None:
        self._client = client
        self._until = until
        self._environment = environment
        self._now = now
        self._by_digest = by_digest

    def lock(self) -> Lock:
        """The Lock; an empty one before the first commit."""
        rows = self._submit(queries.read_lock(self._environment))
        return schema.read_lock(rows[0]) if rows else Lock()

    def snapshot(self, before: Lock | None = None) -> Snapshot | None:
        """Read the current graph, proven complete by the Lock before and after, or by the build's digest.

        `before`: the Lock, where it was read just now.
        """
        before = before or self.lock()
        if before.current is None:
            return None
        graph = self._graph()
        if before.redo:
            graph = apply(graph, self.staged(before.redo))
        after = self.lock()
        if not self._quiet(before, after) and not (
            before.build == after.build and digest(graph) == before.current.digest
        ):
            raise StoreUnavailable(
                f"the graph of {self._environment} could not be read",
                why="builds were being committed all the while",
                next_step="try again",
                moving=True,
            )
        return Snapshot(build=before.current, graph=graph)

    def staged(self, stage: str) -> Delta:
        """The delta of a staged commit."""
        bodies = self._submit(queries.read_staged(self._environment, stage))
        parts = [_decode_delta(body) for body in bodies]
        return Delta(
            put_nodes=tuple(node for part in parts for node in part.put_nodes),
            put_edges=tuple(edge for part in parts for edge in part.put_edges),
            drop_nodes=tuple(address for part in parts for address in part.drop_nodes),
            drop_edges=tuple(key for part in parts for key in part.drop_edges),
            put_changes=tuple(change for part in parts for change in part.put_changes),
            drop_changes=tuple(change for part in parts for change in part.drop_changes),
            put_lineage=tuple(key for part in parts for key in part.put_lineage),
            drop_lineage=tuple(key for part in parts for key in part.drop_lineage),
        )

    def _submit(self, traversal: GraphTraversal) -> list[GremlinValue]:
        return self._client.submit(traversal, until=self._until)

    def _quiet(self, before: Lock, after: Lock) -> bool:
        """Whether no write happened between two reads of the Lock. An expired mark is a dead writer's."""
        if self._by_digest:
            return False
        marked = bool(before.publishing or before.redo) and before.until > self._now()
        return before == after and not marked

    def _graph(self) -> GraphData:
        nodes = self._submit(queries.read_nodes(self._environment))
        edges = self._submit(queries.read_edges(self._environment))
        changes = self._submit(queries.read_changes(self._environment))
        return make_graph(
            [schema.read_component(self._environment, row) for row in nodes],
            [schema.read_edge(self._environment, row) for row in edges],
            [schema.read_change(self._environment, row) for row in changes],
        )
