"""Earlier versions of the graph, and the difference between two of them."""

from __future__ import annotations

from karma_core.errors import NotFound
from karma_core.graph import delta as deltas
from karma_core.graph import history
from karma_core.json_types import JsonObject
from karma_core.model import Delta, Edge, GraphData, Record, Snapshot, to_builtins
from karma_core.needs import GraphBuilding
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.graph.kept_modules import require_known
from karma_core.use_cases.graph.last_build import require_intact, require_last_build
from karma_core.use_cases.graph.lineage import with_changes

NOW = "now"
"""Stands for what a build would give at this moment."""


class Difference(Record, frozen=True, kw_only=True):
    """The delta between two graphs. `old` and `new` name them: a build's number, or `now`."""

    environment: str
    old: str
    new: str
    delta: Delta
    known: tuple[str, ...]
    """Addresses of the old graph: a node that is put and known was changed, not added."""

    def contract(self) -> JsonObject:
        """Return the difference as JSON."""
        return {
            "environment": self.environment,
            "from": self.old,
            "to": self.new,
            "added": self.delta.added,
            "changed": self.delta.changed,
            "removed": self.delta.removed,
            "nodes": {
                "added": [n.address for n in self.delta.put_nodes if n.address not in self.known],
                "changed": [n.address for n in self.delta.put_nodes if n.address in self.known],
                "removed": list(self.delta.drop_nodes),
            },
            "edges": {
                "put": [to_builtins(e) for e in self.delta.put_edges],
                "removed": [
                    {"source": source, "target": target, "kind": kind}
                    for source, target, kind in self.delta.drop_edges
                ],
            },
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the difference as rows of a table: sign, what, detail."""
        rows = [
            ("~" if n.address in self.known else "+", n.address, f"{n.status}, config v{n.config_version}")
            for n in self.delta.put_nodes
        ]
        rows += [("-", address, "") for address in self.delta.drop_nodes]
        rows += [("+", _arrow(e.source, e.target), _detail(e)) for e in self.delta.put_edges]
        rows += [("-", _arrow(source, target), kind) for source, target, kind in self.delta.drop_edges]
        return rows


def _arrow(source: str, target: str) -> str:
    return f"{source} → {target}"


def _detail(edge: Edge) -> str:
    keys = f" ({', '.join(edge.keys)})" if edge.keys else ""
    return f"{edge.kind} via {', '.join(edge.via)}{keys}"


def snapshot(workspace: GraphBuilding, when: str | None) -> Snapshot:
    """The current graph, or the one of a build or time; NotFound where there is none.

    Refused `graph-older` and BadInput `graph-damaged` where the current one is not what was built last.
    """
    if when is None:
        loaded = workspace.graph.load(workspace.name)
        require_last_build(workspace, loaded.build if loaded is not None else None)
        if loaded is None:
            raise NotFound(
                f"{workspace.name} has no graph yet",
                next_step="run `karma config publish` and `karma graph build`",
            )
        require_intact(loaded.build, deltas.digest(loaded.graph))
        return loaded
    build = history.at(workspace.graph, workspace.name, when)
    graph = history.restore(workspace.artifacts, workspace.graph, workspace.name, build.id)
    return Snapshot(build=build, graph=graph)


def difference(workspace: GraphBuilding, old: str | None, new: str | None) -> Difference:
    """Return the difference from one build (default: the current one) to another (default: a build of now).

    Refused `module-unknown` where what a build would give cannot be known without the modules.
    """
    before = snapshot(workspace, old)
    after: GraphData
    if new is None:
        fleet = read_fleet(workspace)
        require_known(fleet)
        after, name = with_changes(workspace, fleet.data), NOW
    else:
        newer = snapshot(workspace, new)
        after, name = newer.graph, str(newer.build.id)
    return Difference(
        environment=workspace.name,
        old=str(before.build.id),
        new=name,
        delta=deltas.diff(before.graph, after),
        known=tuple(node.address for node in before.graph.nodes),
    )
