"""F, the floor of a publication: what any tool must do to get configs from files into a graph store.

Read and parse every config (os.scandir, msgspec), build the graph and sort it (networkx), insert its nodes
and edges (sqlite3, one transaction). Nothing is checked, resolved or compared: the edges are given.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import networkx as nx

from benchmarks.corpus import PREFIX, TYPES, parameters
from karma_core import strictjson
from karma_core.graph.build import build
from karma_core.graph.load import load
from karma_core.model import Kind

Work = Callable[[], object]


def parts(
    configs: Path, scratch: Path, count: int, types: tuple[str, ...] = TYPES
) -> tuple[Work, Work, Work]:
    """The three parts of F for the corpus of `count` components below `configs`, to be timed."""
    inventory = load(parameters(count, types=types), environment="bench", prefix=PREFIX, applied={})
    data = build(inventory, {}).graph
    nodes = [(node.address, strictjson.canonical(node)) for node in data.nodes]
    addresses = [address for address, _ in nodes]
    edges = [(edge.source, edge.target) for edge in data.edges if edge.kind == Kind.DEPENDS_ON]
    return (
        lambda: read_all(configs),
        lambda: sort_graph(addresses, edges),
        lambda: insert(scratch / "floor.sqlite", nodes, edges),
    )


def read_all(base: Path) -> list[object]:
    """Every config below base, parsed."""
    decode = msgspec.json.Decoder().decode
    parsed: list[object] = []
    with os.scandir(base) as types:
        for component_type in types:
            with os.scandir(component_type.path) as nicknames:
                for nickname in nicknames:
                    with open(nickname.path + "/config.json", "rb") as file:  # noqa: PTH123 - the floor is the fastest way
                        parsed.append(decode(file.read()))
    return parsed


def sort_graph(nodes: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """A topological order by networkx, graph building included."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return list(nx.topological_sort(graph))


def insert(path: Path, nodes: list[tuple[str, bytes]], edges: list[tuple[str, str]]) -> None:
    """Nodes with their JSON, and edges, into a new SQLite file, in one transaction (WAL, synchronous=FULL).

    Bare tables, no index but the nodes' key, JSON made before: less than any store needs.
    """
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE node (id TEXT PRIMARY KEY, body BLOB)")
    connection.execute("CREATE TABLE edge (source TEXT, target TEXT)")
    with connection:
        connection.executemany("INSERT INTO node VALUES (?, ?)", nodes)
        connection.executemany("INSERT INTO edge VALUES (?, ?)", edges)
    connection.close()
