"""Graphs for tests: small named ones, random ones, and the builds that publish them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from karma_core import ports
from karma_core.errors import Conflict
from karma_core.graph.delta import diff, digest, make_graph
from karma_core.graph.history import write_snapshot
from karma_core.ids import runtime_parameter
from karma_core.model import Build, ChangeNode, Component, Edge, GraphData, Kind, Provenance, Status
from karma_core.records import Lease

NOW = "2026-11-24T06:00:00.000000Z"


def component(address: str, *, environment: str = "prod", version: int | None = 1) -> Component:
    """A component that differs from others of its address by its config version only."""
    component_type, nickname = address.split("/")
    return Component(
        address=address,
        type=component_type,
        nickname=nickname,
        environment=environment,
        status=Status.CURRENT if version else Status.ABSENT,
        config_path=f"/iac/{address}/config",
        config_version=version,
        runtime_path=runtime_parameter("/iac", address),
    )


def graph(
    edges: Iterable[tuple[str, str]] = (), nodes: Iterable[str] = (), *, environment: str = "prod"
) -> GraphData:
    """A graph of addresses; the ends of edges are nodes too."""
    pairs = sorted(edges)
    addresses = sorted({*nodes, *(end for pair in pairs for end in pair)})
    nickname_edges = [
        Edge(source=s, target=t, via=("nickname",), pointers=("/x_nickname",)) for s, t in pairs
    ]
    return make_graph([component(address, environment=environment) for address in addresses], nickname_edges)


def random_graph(random_: random.Random, *, nodes: int = 20, environment: str = "prod") -> GraphData:
    """A random acyclic graph: each node up to three edges to earlier ones, versions from 1 to 3.

    Some configs come from one of a few changes, of which some were triggered by an earlier one.
    """
    addresses = [f"vpc/n{number:04d}" for number in range(nodes) if random_.random() < 0.8]
    by_address = {}
    for place, source in enumerate(addresses):
        for target in random_.sample(addresses[:place], min(place, random_.randrange(4))):
            kind = random_.choice(list(Kind))
            keys = random_.choice([None, (), ("a",), ("a", "b")])
            edge = Edge(source=source, target=target, kind=kind, via=("nickname",), keys=keys)
            by_address[edge.key] = edge
    made = []
    for address in addresses:
        node = component(address, environment=environment, version=random_.randrange(1, 4))
        change = random_.choice([None, None, "c-0", "c-1", "c-2", "c-3"])
        made.append(msgspec.structs.replace(node, provenance=Provenance(change=change) if change else None))
    return make_graph(made, by_address.values(), random_changes(random_, made, environment))


def random_changes(random_: random.Random, nodes: list[Component], environment: str) -> list[ChangeNode]:
    """The changes that the nodes name, and those that triggered them: always an earlier one."""
    wanted = {node.provenance.change for node in nodes if node.provenance and node.provenance.change}
    changes = []
    for number in (3, 2, 1, 0):
        name = f"c-{number}"
        if name not in wanted:
            continue
        cause = random_.choice([None, *(f"c-{earlier}" for earlier in range(number))])
        wanted |= {cause} if cause else set()
        reason = random_.choice(["", "more room", 'it\'s "quoted"'])
        change = ChangeNode(id=name, environment=environment, requested_by="ann", reason=reason)
        changes.append(msgspec.structs.replace(change, triggered_by=cause))
    return changes


def lease(token: int = 1, holder: str = "test") -> Lease:
    """A lease on the graph with that token."""
    return Lease(names=("graph",), holder=holder, token=token, expires_at=0.0)


def next_build(
    store_build: Build | None, target: GraphData, *, environment: str = "prod", snapshot: str = ""
) -> Build:
    """The record of a build that makes target current after store_build."""
    base = store_build.id if store_build else None
    return Build(
        id=(base or 0) + 1,
        environment=environment,
        created_at=NOW,
        digest=digest(target),
        components=len(target.nodes),
        dependencies=sum(edge.kind == Kind.DEPENDS_ON for edge in target.edges),
        added=0,
        changed=0,
        removed=0,
        snapshot=snapshot,
        base=base,
    )


def publish(
    store: ports.GraphStore, target: GraphData, *, token: int = 1, environment: str = "prod"
) -> Build:
    """Make target the current graph as a builder does: load, diff, publish."""
    loaded = store.load(environment)
    build = next_build(loaded.build if loaded else None, target, environment=environment)
    store.commit(build, diff(loaded.graph if loaded else None, target), lease(token))
    return build


class Artifacts:
    """ports.ArtifactStore in a directory, as much of it as the graph's history needs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, content: bytes) -> str:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_bytes() != content:
            raise Conflict(f"{key} holds other bytes")
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)
        return key

    def get(self, key: str) -> bytes | None:
        path = self.root / key
        return path.read_bytes() if path.exists() else None

    def keys(self, prefix: str) -> tuple[str, ...]:
        paths = (p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())
        return tuple(sorted(key for key in paths if key.startswith(prefix)))


def publish_with_history(
    store: ports.GraphStore,
    artifacts: ports.ArtifactStore,
    target: GraphData,
    *,
    token: int = 1,
    environment: str = "prod",
) -> Build:
    """As `publish`, with the build's snapshot written first."""
    loaded = store.load(environment)
    previous = loaded.build if loaded else None
    delta = diff(loaded.graph if loaded else None, target)
    build = next_build(previous, target, environment=environment)
    key = write_snapshot(artifacts, build, target, delta, previous)
    build = msgspec.structs.replace(build, snapshot=key)
    store.commit(build, delta, lease(token))
    return build
