"""karma_adapters.gremlin.queries: what is sent, without sending it."""

from __future__ import annotations

import random

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import Bytecode
from hypothesis import given
from hypothesis import strategies as st

from karma_adapters.gremlin import queries
from karma_core.graph.delta import diff
from karma_core.model import Delta
from tests import gremlin_guard
from tests.graphs import graph, next_build, random_graph


def steps(traversal: GraphTraversal) -> list[str]:
    """Names of the outermost steps."""
    return [step[0] for step in traversal.bytecode.step_instructions]


def constants(bytecode: Bytecode) -> list[object]:
    """Every argument of every step, at any depth."""
    values: list[object] = []
    for _, *arguments in bytecode.step_instructions:
        for argument in arguments:
            values += constants(argument) if isinstance(argument, Bytecode) else [argument]
    return values


@given(seed=st.integers(0, 2**32), size=st.integers(0, 120))
def test_batches_keep_neptunes_limits(seed: int, size: int) -> None:
    """Whatever the delta, each request has at most 200 records and 1,500 steps, and only steps that exist."""
    source = random.Random(seed)
    old, new = random_graph(source, nodes=size), random_graph(source, nodes=size)
    made = list(queries.batches("prod", 7, queries.writes("prod", diff(old, new))))
    for batch in made:
        gremlin_guard.check(batch.bytecode)
    assert bool(made) == (old != new)


def test_every_write_begins_at_the_lock() -> None:
    """A writer with an old token finds no Lock, so that nothing after it happens."""
    build = next_build(None, graph([("rds/a", "vpc/core")]))
    delta = Delta(put_nodes=graph(nodes=["vpc/core"]).nodes, drop_nodes=("rds/b",))
    for write in [
        *queries.batches("prod", 7, queries.writes("prod", delta)),
        queries.flip(queries.fenced("prod", 7), build),
        queries.note_staging("prod", 7, "1.7"),
        queries.clear("prod", 7, "publishing"),
        queries.collect_staged("prod", 7),
    ]:
        (start, *rest), (has, name, token) = write.bytecode.step_instructions[:2]
        assert (start, rest) == ("V", ["lock:prod"])
        assert (has, name, token) == ("has", "token", 7)
        assert steps(write)[2] == "property"


def test_few_changes_are_one_request() -> None:
    """Ten changed components fit into one batch."""
    nodes = graph(nodes=[f"vpc/n{number}" for number in range(10)]).nodes
    assert len(list(queries.batches("prod", 1, queries.writes("prod", Delta(put_nodes=nodes))))) == 1


def test_edges_go_before_the_nodes_that_they_need_and_come_after() -> None:
    """Drops of edges, drops of nodes, puts of nodes, puts of edges: each finds what it needs."""
    delta = diff(graph([("rds/a", "vpc/b")]), graph([("ecs/c", "vpc/d")]))
    kinds = [type(write).__name__ for write in queries.writes("prod", delta)]
    assert kinds == ["DropEdge", "DropVertex", "DropVertex", "Upsert", "Upsert", "Upsert"]


def test_values_are_arguments() -> None:
    """What looks like Gremlin stays a value of a step."""
    hostile = "x').drop()//"
    (batch,) = queries.batches("prod", 1, queries.writes("prod", Delta(drop_nodes=(hostile,))))
    assert f"prod:{hostile}" in constants(batch.bytecode)
