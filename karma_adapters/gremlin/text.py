"""Gremlin text, answered by Neptune or a Gremlin Server.

What is sent is bytecode made of the parsed text, read-only by a strategy, within one environment and its
components, changes and builds by another, and limited in time and results.
"""

from __future__ import annotations

from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.strategies import ReadOnlyStrategy, SubgraphStrategy
from gremlin_python.process.traversal import Bytecode, Column, Direction, Order, P, Pop, Scope, T, TextP
from gremlin_python.structure.graph import Edge, Path, Property, Vertex, VertexProperty

from karma_adapters.gremlin import property_graph as pg
from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import GremlinClient
from karma_core.deadlines import Deadline
from karma_core.errors import StoreError, StoreUnavailable
from karma_core.graph import gremlin_text
from karma_core.graph.gremlin_answer import (
    LIMIT,
    SECONDS,
    GremlinAnswer,
    make_answer,
    unanswerable,
)
from karma_core.json_types import GremlinValue

_NAMES: Final = {
    "T": {"id": T.id, "label": T.label},
    "Order": {"asc": Order.asc, "desc": Order.desc, "shuffle": Order.shuffle},
    "Scope": {"local": Scope.local, "global": Scope.global_},
    "Column": {"keys": Column.keys, "values": Column.values},
    "Pop": {"first": Pop.first, "last": Pop.last, "all": Pop.all_, "mixed": Pop.mixed},
}
ANSWER_SECONDS: Final = 2.0
"""How long the answer may take beyond the time of its evaluation. Ours."""
_LISTED: Final = {"within", "without"}


class GremlinText:
    """Answers Gremlin text from a Gremlin endpoint."""

    def __init__(self, client: GremlinClient) -> None:
        self._client = client

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        query = gremlin_text.parse(text)
        traversal = read_only(environment, query, limit + 1)
        options = {"evaluationTimeout": int(1000 * seconds), "materializeProperties": "tokens"}
        until = Deadline.after(seconds + ANSWER_SECONDS)
        try:
            results = self._client.submit(traversal, until=until, **options)
        except StoreUnavailable:
            raise
        except StoreError as error:  # the server has refused this query
            raise unanswerable(error.why) from error
        return make_answer(query, results, limit, _plain)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def read_only(environment: str, query: gremlin_text.Traversal, limit: int) -> GraphTraversal:
    """The query as bytecode that can neither write nor leave the environment, with at most limit results."""
    inside = __.has_label(pg.COMPONENT, pg.CHANGE, pg.BUILD).has("environment", environment)
    start = queries.source().with_strategies(ReadOnlyStrategy(), SubgraphStrategy(vertices=inside))
    bytecode = Bytecode(start.bytecode)
    for step in query.steps:
        bytecode.add_step(step.name, *map(_argument, step.arguments))
    bytecode.add_step("limit", limit)
    return GraphTraversal(start.graph, start.traversal_strategies, bytecode)


def _argument(argument: gremlin_text.Argument) -> GremlinValue:
    if isinstance(argument, gremlin_text.Name):
        return _NAMES[argument.owner][argument.name]
    if isinstance(argument, gremlin_text.Predicate):
        kind = P if argument.owner == "P" else TextP
        values = [_argument(value) for value in argument.arguments]
        several = argument.name in _LISTED or len(values) > 1
        return kind(argument.name, values if several else values[0])
    if isinstance(argument, gremlin_text.Traversal):
        bytecode = Bytecode()
        for step in argument.steps:
            bytecode.add_step(step.name, *map(_argument, step.arguments))
        return bytecode
    return argument


def _plain(value: GremlinValue) -> GremlinValue:
    if isinstance(value, VertexProperty | Property):
        return value.value
    if isinstance(value, Vertex):
        return {"id": value.id, "label": value.label}
    if isinstance(value, Edge):
        return {"id": value.id, "label": value.label, "source": value.outV.id, "target": value.inV.id}
    if isinstance(value, Path):
        return list(value.objects)
    if isinstance(value, T | Direction):
        return value.name.removesuffix("_")
    return value
