"""The graph in process: load, build and validate against F; impact against networkx; memory."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from benchmarks import corpus, floor
from benchmarks.figures import Figure, best_of
from karma_core.graph.build import build
from karma_core.graph.graph import Graph
from karma_core.graph.impact import impact
from karma_core.graph.load import load
from karma_core.graph.validate import validate
from karma_core.model import GraphData, Kind
from karma_core.records import Parameter
from karma_core.references.base import NO_MODULES, ModuleInputs

TITLE = "graph"
SIZES = (1_000, 10_000, 100_000)
BUILD_LIMIT = 1.6
"""Times F. A publication may take 3 times F in all; the store's insert needs about half of F."""
INFERRED_LIMIT = 3.0
"""Times F, with a module of every type evaluated for each component: one read by a name that is put
together, all by iterating."""
FIFTY_LIMIT = 5.6
"""Times F, with 50 types of three styles (their keys put together, their variables typed). 1.25 times the
4.5 F of commit 8b7c083 on the same machine, which inferred the same edges and keys from less of the language.
"""
IMPACT_LIMIT = 1.5
"""Times networkx.descendants, which gives neither waves nor an order."""


def run() -> Iterator[Figure]:
    """The figures of this module."""
    for count in SIZES:
        yield from _against_floor(count, times=5 if count < 100_000 else 2)  # noqa: PLR2004 - the largest
    yield _of_fifty_types(10_000)
    yield from _impact(SIZES[-1])
    yield _memory(10_000)


def _make(parameters: list[Parameter], modules: ModuleInputs = NO_MODULES) -> GraphData:
    inventory = load(parameters, environment="bench", prefix=corpus.PREFIX, applied={})
    built = build(inventory, {}, modules=modules)
    validate(inventory, built, {})
    return built.graph


def _against_floor(count: int, *, times: int) -> Iterator[Figure]:
    parameters, modules = corpus.parameters(count), corpus.modules()
    with tempfile.TemporaryDirectory() as directory:
        base = corpus.write(Path(directory), count)
        works = floor.parts(base, Path(directory), count)
        plain, inferred = lambda: _make(parameters), lambda: _make(parameters, modules)
        read, sort, insert, seconds, with_modules = best_of(times, *works, plain, inferred)
    least = read + sort + insert
    parts = f"read {read * 1000:,.0f}, sort {sort * 1000:,.0f}, insert {insert * 1000:,.0f}"
    yield Figure(f"F, {count:,} components", least * 1000, None, "ms", parts)
    yield Figure(
        f"load, build, validate, {count:,}",
        seconds / least,
        BUILD_LIMIT,
        "F",
        f"{seconds * 1000:,.0f} ms",
    )
    each = (with_modules - seconds) / count * 1e6
    yield Figure(
        f"the same with module inference, {count:,}",
        with_modules / least,
        INFERRED_LIMIT,
        "F",
        f"{with_modules * 1000:,.0f} ms, {each:.0f} µs a component more",
    )


def _of_fifty_types(count: int) -> Figure:
    """The inference of many types: load, build and validate, against the floor of the same configs."""
    types = corpus.FIFTY_TYPES
    parameters, modules = corpus.parameters(count, types=types), corpus.modules(types)
    with tempfile.TemporaryDirectory() as directory:
        base = corpus.write(Path(directory), count, types=types)
        works = floor.parts(base, Path(directory), count, types)
        *least, seconds = best_of(5, *works, lambda: _make(parameters, modules))
    name = f"inference of {count:,} components of {len(types)} types"
    return Figure(name, seconds / sum(least), FIFTY_LIMIT, "F", f"{seconds * 1000:,.0f} ms")


def _impact(count: int) -> Iterator[Figure]:
    data = _make(corpus.parameters(count))
    graph = Graph(data)
    reference: nx.DiGraph[str] = nx.DiGraph(
        (edge.target, edge.source) for edge in data.edges if edge.kind == Kind.DEPENDS_ON
    )
    first = data.nodes[0].address
    theirs, ours, cone = best_of(
        3,
        lambda: nx.descendants(reference, first),
        lambda: impact(graph, first),
        lambda: graph.cone(first),
    )
    note = f"{ours * 1000:,.0f} ms, {len(graph.cone(first)):,} in the cone"
    yield Figure("impact with waves", ours / theirs, IMPACT_LIMIT, "descendants", note)
    yield Figure("cone alone", cone / theirs, IMPACT_LIMIT, "descendants", f"{cone * 1000:,.0f} ms")


def _memory(count: int) -> Figure:
    parameters = corpus.parameters(count)
    tracemalloc.start()
    _make(parameters)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Figure("peak while building", peak / count / 1024, None, "KB a component", "configs not counted")
