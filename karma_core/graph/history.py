"""Snapshots of every build's graph as artifacts: complete graphs at intervals, deltas between them.

An artifact is one line of JSON (its `_Header`) and a zlib stream of MessagePack. Its key holds a digest of
its content, because a publish that was killed may have left an artifact for a number that another build
gets later. A delta's header names the artifact that it stands on, down to a whole graph.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import msgspec

from karma_core import ports
from karma_core.errors import NotFound, StoreError, UsageError
from karma_core.failpoints import reach
from karma_core.graph.delta import apply, digest
from karma_core.ids import shown
from karma_core.model import Build, Delta, GraphData, Record

_Body = TypeVar("_Body")

_UNUSABLE: Final = "snapshot"
MAX_CHAIN: Final = 32
"""Deltas on one whole graph at most. Ours: restoring a build reads at most 33 artifacts."""


class _Header(Record, frozen=True, kw_only=True):
    """The header of an artifact. `records` counts the records of all deltas since the last complete graph."""

    kind: Literal["graph", "delta"]
    environment: str
    build: int
    base: str = ""
    chain: int = 0
    records: int = 0


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_graph = msgspec.msgpack.Decoder(GraphData).decode
_decode_delta = msgspec.msgpack.Decoder(Delta).decode


def write_snapshot(
    artifacts: ports.ArtifactStore, build: Build, graph: GraphData, delta: Delta, previous: Build | None
) -> str:
    """Keep the build's graph and return the artifact's key, which belongs into `Build.snapshot`.

    `delta` leads from the graph of `previous` to `graph`. It alone is written while the deltas since the
    last whole graph are few and hold fewer records than the graph.
    """
    header = _delta_header(artifacts, build, delta, previous)
    if header is None or header.chain > MAX_CHAIN or header.records > len(graph.nodes) + len(graph.edges):
        header = _Header(kind="graph", environment=build.environment, build=build.id)
    body = msgspec.msgpack.encode(graph if header.kind == "graph" else delta)
    content = msgspec.json.encode(header) + b"\n" + zlib.compress(body, 1)
    name = f"{build.id:08d}-{_content_name(content)}.{header.kind}"
    reach("graph.snapshot.before_put")
    key = artifacts.put(f"{build.environment}/graph/{name}", content)
    reach("graph.snapshot.after_put")
    return key


def _delta_header(
    artifacts: ports.ArtifactStore, build: Build, delta: Delta, previous: Build | None
) -> _Header | None:
    """Return the header of a delta on the previous build's artifact; None if that does not exist."""
    if previous is None or not previous.snapshot:
        return None
    try:
        below, _ = _read(artifacts, previous.snapshot)
    except StoreError as error:
        if error.code != _UNUSABLE:
            raise
        return None  # a whole graph stands by itself
    return _Header(
        kind="delta",
        environment=build.environment,
        build=build.id,
        base=previous.snapshot,
        chain=below.chain + 1,
        records=below.records + delta.records,
    )


def restore(
    artifacts: ports.ArtifactStore, store: ports.GraphStore, environment: str, build_id: int
) -> GraphData:
    """The graph of a build, checked against the build's digest.

    NotFound where there is no such build or it has no snapshot; StoreError `snapshot` where an artifact is
    missing or the result is not the graph that was published.
    """
    build = store.build(environment, build_id)
    if build is None or not build.snapshot:
        raise NotFound(
            f"the graph of build {build_id} of {environment} is not known",
            why="there is no such build" if build is None else "the build was published without a snapshot",
            next_step="list the builds with `karma graph history`",
        )
    header, body = _read(artifacts, build.snapshot)
    deltas = []
    while header.kind == "delta":
        deltas.append(_unpack(body, _decode_delta))
        header, body = _read(artifacts, header.base)
    graph = _unpack(body, _decode_graph)
    for delta in reversed(deltas):
        graph = apply(graph, delta)
    if digest(graph) != build.digest:
        raise _unusable(build.snapshot, f"it does not give the graph of build {build_id}")
    return graph


def at(store: ports.GraphStore, environment: str, when: str) -> Build:
    """The build with that number, or the one that was current at that ISO 8601 time (UTC unless it says).

    UsageError where `when` is neither, NotFound where there was no build.
    """
    if when.isascii() and when.isdigit():
        build = store.build(environment, int(when)) if len(when) < 19 else None  # noqa: PLR2004 - 64 bits
    else:
        moment = _moment(when)
        newest = store.current(environment)
        builds = store.builds(environment, limit=newest.id) if newest else ()
        build = next((build for build in builds if _moment(build.created_at) <= moment), None)
    if build is None:
        raise NotFound(
            f"{environment} has no build {shown(when)}",
            why="no build has that number, or none had been published by that time",
            next_step="list the builds with `karma graph history`",
        )
    return build


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{shown(text)!r} is neither a build nor a time",
            why="a build is a number, a time is ISO 8601",
            next_step="write it like 12 or 2026-01-31T12:00:00Z",
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _read(artifacts: ports.ArtifactStore, key: str) -> tuple[_Header, bytes]:
    """An artifact's header and its compressed body; StoreError where it is not what was written."""
    content = artifacts.get(key)
    if content is None:
        raise _unusable(key, "it is missing")
    if _content_name(content) not in key:
        raise _unusable(key, "its bytes have changed since it was written")
    header, _, body = content.partition(b"\n")
    return _decode_header(header), body


def _content_name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _unpack(body: bytes, decode: Callable[[bytes], _Body]) -> _Body:
    return decode(zlib.decompress(body))


def _unusable(key: str, why: str) -> StoreError:
    return StoreError(
        f"the graph snapshot {key} cannot be used",
        why=why,
        next_step="restore the artifact from a backup; the current graph is not affected",
        code=_UNUSABLE,
    )
