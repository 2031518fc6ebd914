"""Gremlin text, answered by graphersal over a graph in a file of GraphSON 3.0 (it takes it no other way).

Its query language is Rhai script with Gremlin's steps: the script is made of the parsed text, and literals go
as parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import graphersal

from karma_core.errors import StoreUnavailable, UsageError
from karma_core.graph import gremlin_text
from karma_core.graph.gremlin_answer import GremlinAnswer, make_answer, unanswerable
from karma_core.json_types import GremlinValue

_POLICY: Final = graphersal.AccessPolicy.read_only().allow("update", "option")
"""Reading, and setting the time limit; the parsed text has no step that sets options."""


class Engine:
    """The engine with one graph; None: an empty one."""

    def __init__(self, file: Path | None) -> None:
        self._graph = graphersal.Graph() if file is None else graphersal.Graph.from_graphson(str(file))

    def answer(self, text: str, *, limit: int, seconds: float) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        query = gremlin_text.parse(text)
        script = _Script()
        body = script.traversal(query)
        source = f'g.with("evaluationTimeout", {int(1000 * seconds)}).{body}.limit({limit + 1}).toList()'
        try:
            results = self._graph.execute(source, script.parameters, policy=_POLICY)
        except graphersal.GraphersalError as error:
            raise _translated(error) from error
        return make_answer(query, results, limit, _plain)


class _Script:
    """A query as Rhai. Every literal is a parameter, so that no text of the user's becomes script."""

    def __init__(self) -> None:
        self.parameters: dict[str, GremlinValue] = {}

    def traversal(self, traversal: gremlin_text.Traversal) -> str:
        """Steps, joined by dots."""
        return ".".join(f"{step.name}({self._arguments(step.arguments)})" for step in traversal.steps)

    def _arguments(self, arguments: tuple[gremlin_text.Argument, ...]) -> str:
        return ", ".join(map(self._argument, arguments))

    def _argument(self, argument: gremlin_text.Argument) -> str:
        if isinstance(argument, gremlin_text.Name):
            return f"{argument.owner}.{argument.name}"
        if isinstance(argument, gremlin_text.Predicate):
            return f"{argument.owner}.{argument.name}({self._arguments(argument.arguments)})"
        if isinstance(argument, gremlin_text.Traversal):
            return f"__.{self.traversal(argument)}"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = argument
        return name


def _plain(value: GremlinValue) -> GremlinValue:
    if isinstance(value, graphersal.Vertex):
        return {"id": value.id, "label": value.label}
    if isinstance(value, graphersal.Edge):
        return {"id": value.id, "label": value.label, "source": value.out_v.id, "target": value.in_v.id}
    return value


def _translated(error: graphersal.GraphersalError) -> StoreUnavailable | UsageError:
    """The engine runs in this process: short of time, what it cannot answer is the query's fault."""
    text = str(error)
    if "evaluationTimeout" in text or "timeout" in text.lower():
        return StoreUnavailable(
            "the Gremlin query took too long",
            why=text.partition("\n")[0][:300],
            next_step="ask for less, or allow more time",
        )
    return unanswerable(text.strip().rpartition("Caused by: ")[2].partition("\n")[0][:300])
