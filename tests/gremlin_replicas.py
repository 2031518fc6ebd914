"""Replicas of a Gremlin store on the wire: each connection is served from a graph of its own age."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from gremlin_python.process.traversal import T
from gremlin_python.structure.io.graphbinaryV1 import GraphBinaryWriter

from karma_adapters.gremlin import property_graph as pg
from karma_core.ids import vertex_id
from karma_core.model import Snapshot
from tests.faulty_gremlin import Fault, Peer, answered, framed, request_id

_DONE = struct.pack(">i", 200) + b"\x00" + struct.pack(">i", 0)


def serving(snapshot_of: Callable[[int], Snapshot | None]) -> Fault:
    """Answer Karma's reads from the snapshot of the connection's number, counted from 0."""
    numbers = count()

    async def fault(peer: Peer) -> None:
        snapshot = snapshot_of(next(numbers))
        await peer.shake()
        while True:
            payload = await peer.payload()
            await peer.say(_answer(request_id(payload), _rows(payload, snapshot)))

    return fault


def _rows(payload: bytes, snapshot: Snapshot | None) -> list[Mapping[Any, Any]]:
    """What the query in the request's bytes finds."""
    if snapshot is None:
        return []
    build, graph = snapshot.build, snapshot.graph
    if b"lock:" in payload:
        return [{T.id: pg.lock_id(build.environment), "build": build.id, "current": pg.build_text(build)}]
    if b"outE" in payload:
        return [
            {T.id: pg.edge_id(build.environment, e.source, e.kind.value, e.target), **pg.edge_properties(e)}
            for e in graph.edges
        ]
    if b"Component" in payload:
        return [
            {T.id: vertex_id(build.environment, n.address), **pg.component_properties(n)} for n in graph.nodes
        ]
    return []


def _answer(request: bytes, rows: list[Mapping[Any, Any]]) -> bytes:
    """A response with these results, each once."""
    if not rows:
        return answered(request)
    writer = GraphBinaryWriter()
    results = b"".join(b"\x21\x00" + struct.pack(">q", 1) + bytes(writer.write_object(row)) for row in rows)
    listed = b"\x09\x00" + struct.pack(">i", len(rows)) + results
    return framed(b"\x81\x00" + request + _DONE + struct.pack(">ii", 0, 0) + listed)
