"""F, the floor of a publication: what any tool must do to get configs from files into a graph store.

Read and parse every config (os.scandir, msgspec), build the graph and sort it (networkx), insert its nodes
and edges (sqlite3, one transaction). Nothing is checked, resolved or compared: the edges are given.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import msgspec
import networkx as nx

from benchmarks.corpus import PREFIX, parameters
from benchmarks.figures import best_of
from karma_core.graph.build import build
from karma_core.graph.load import load
from karma_core.model import GraphData, Kind


@dataclass(frozen=True)
class Floor:
    """Seconds of each part."""

    read: float
    graph: float
    insert: float

    @property
    def seconds(self) -> float:
        """F."""
        return self.read + self.graph + self.insert


def measure(configs: Path, scratch: Path, count: int, *, times: int = 3) -> Floor:
    """F for the corpus of `count` components below `configs`, the fastest of several runs of each part."""
    inventory = load(parameters(count), environment="bench", prefix=PREFIX, applied={})
    data = build(inventory, {}).graph
    nodes = [node.address for node in data.nodes]
    edges = [(edge.source, edge.target) for edge in data.edges if edge.kind == Kind.DEPENDS_ON]
    return Floor(
        read=best_of(times, lambda: read_all(configs)),
        graph=best_of(times, lambda: sort_graph(nodes, edges)),
        insert=best_of(times, lambda: insert(scratch / "floor.sqlite", data)),
    )


def read_all(base: Path) -> list[object]:
    """Every config below base, parsed."""
    decode = msgspec.json.Decoder().decode
    found: list[object] = []
    with os.scandir(base) as types:
        for component_type in types:
            with os.scandir(component_type.path) as nicknames:
                for nickname in nicknames:
                    with open(nickname.path + "/config.json", "rb") as file:  # noqa: PTH123 - the floor is the fastest way
                        found.append(decode(file.read()))
    return found


def sort_graph(nodes: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """A topological order by networkx, graph building included."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return list(nx.topological_sort(graph))


def insert(path: Path, data: GraphData) -> None:
    """All nodes and edges into a new SQLite file, in one transaction (WAL, synchronous=FULL)."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    encode = msgspec.json.Encoder().encode
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE node (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
    connection.execute(
        "CREATE TABLE edge (source TEXT, target TEXT, kind TEXT, body BLOB,"
        " PRIMARY KEY (source, target, kind)) WITHOUT ROWID"
    )
    with connection:
        connection.executemany(
            "INSERT INTO node VALUES (?, ?)", ((node.address, encode(node)) for node in data.nodes)
        )
        connection.executemany(
            "INSERT INTO edge VALUES (?, ?, ?, ?)",
            ((e.source, e.target, e.kind, encode((e.via, e.pointers, e.keys))) for e in data.edges),
        )
    connection.close()
