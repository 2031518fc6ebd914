"""Limits of a query: tokens, aliases, depth, and the rows that it could return.

All but the tokens are weighed in one walk that goes through each fragment once, after GraphQL's own rules
have held: fragments that spread each other many times over would take a walk of every path for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry.extensions import MaxTokensLimiter, SchemaExtension

from karma_api.paging import MOST
from karma_core.json_types import JsonObject
from karma_core.model import Edge

MAX_TOKENS: Final = 1_000
MAX_ALIASES: Final = 15
MAX_DEPTH: Final = 12
MAX_COST: Final = 25_000
"""Fields that a query may resolve. Ours: 100 components with 10 neighbours each, of 10 fields, twice; half a
second of one core."""
LIST_LENGTH: Final = 10
"""What a list without a limit counts for before it is known: neighbours, findings, introspected fields."""
OWN_COST: Final = {"diff": 5_000, "impact": 1_000, "document": 50}
"""What a field costs beside what is selected of it. Ours: its work, measured in fields that take as long."""
_LISTS: Final = frozenset(
    {"consumers", "producers", "findings", "waves", "types", "fields", "args", "inputFields", "interfaces"}
    | {"possibleTypes", "enumValues", "directives"}
)
_PAGES: Final = frozenset({"components", "builds", "changes", "log"})
_PAGE_LENGTH: Final = 100


def extensions() -> list[Any]:
    """All of the limits, as the schema takes them; the cheapest first."""
    return [lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS), WeightLimiter]


@dataclass(frozen=True)
class Weight:
    """The weight of selections: nested levels, aliases, and the fields that they could resolve."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0

    def __add__(self, other: Weight) -> Weight:
        """Return the weight of two sibling selections."""
        return Weight(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


class WeightLimiter(SchemaExtension):
    """Refuses a query that weighs too much, before any field is resolved."""

    def on_execute(self) -> Iterator[None]:
        """Weigh the operations of the document that is about to run."""
        context = self.execution_context
        document = context.graphql_document
        if document is not None:
            fragments = {
                d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
            }
            weigher = _Weigher(fragments, context.variables or {})
            weight = Weight()
            for definition in document.definitions:
                if isinstance(definition, OperationDefinitionNode):
                    weight += weigher.weigh(definition.selection_set)
            _check(weight)
        yield


def _check(weight: Weight) -> None:
    if weight.aliases > MAX_ALIASES:
        raise GraphQLError(f"the query has {weight.aliases:,} aliases, more than {MAX_ALIASES}")
    if weight.depth > MAX_DEPTH:
        raise GraphQLError(f"the query has {weight.depth} levels, more than {MAX_DEPTH}")
    if weight.cost > MAX_COST:
        raise GraphQLError(f"the query may cost {weight.cost:,}, more than {MAX_COST:,}; ask for less")


Info = GraphQLResolveInfo[Any]
"""Of a field whose context may be anything: the weight depends on the query alone."""


class Degrees(Protocol):
    """How many rows a component's lists have: what `karma_api.cached_graph.View` holds."""

    @property
    def consumers_of(self) -> Mapping[str, Sequence[Edge]]:
        """Producer → the edges that point at it."""
        ...

    @property
    def producers_of(self) -> Mapping[str, Sequence[Edge]]:
        """Consumer → its edges."""
        ...

    @property
    def findings_of(self) -> Mapping[str, Sequence[object]]:
        """Component → its findings."""
        ...


class Meter:
    """Counts what a query costs by the real lengths of its lists, before anything of them is resolved.

    A hub has thousands of neighbours, and each of them has it: no estimate without the graph would hold. A
    selection costs the same for a component wherever it is reached from, so each is counted once, and no
    more is counted than may be asked for.
    """

    def __init__(self, degrees: Callable[[], Degrees], seconds: float) -> None:
        self._degrees = degrees
        self._ends_at = time.monotonic() + seconds
        self._spent = 0
        self._known: dict[tuple[int, str], int] = {}

    def charge(self, info: Info, rows: int) -> None:
        """Charge a list of so many rows that are no components; GraphQLError where that is too much."""
        per_row = _Flat(info.fragments, {}).weigh(info.field_nodes[0].selection_set).cost
        self._spend(rows * per_row)

    def charge_components(self, info: Info, addresses: Sequence[str]) -> None:
        """Charge components with all that is selected of them, at any depth."""
        node = info.field_nodes[0]
        for address in addresses:
            self._spend(self._cost(node.selection_set, address, info))

    def look_at_the_clock(self) -> None:
        """GraphQLError where the caller's time is over."""
        if time.monotonic() > self._ends_at:
            raise GraphQLError("the query took longer than a request may; ask for less")

    def _spend(self, cost: int) -> None:
        self._spent = _affordable(self._spent + cost)
        self.look_at_the_clock()

    def _cost(self, selections: SelectionSetNode | None, address: str, info: Info) -> int:
        """What the selections of a component, or of an edge that leads to it, cost."""
        if selections is None:
            return 0
        key = (id(selections), address)
        if key not in self._known:
            self._known[key] = _affordable(
                sum(self._one(node, address, info) for node in selections.selections)
            )
        return self._known[key]

    def _one(self, node: SelectionNode, address: str, info: Info) -> int:
        if isinstance(node, FragmentSpreadNode):
            return self._cost(info.fragments[node.name.value].selection_set, address, info)
        if isinstance(node, InlineFragmentNode):
            return self._cost(node.selection_set, address, info)
        assert isinstance(node, FieldNode)  # noqa: S101 - there are no other selections
        name, below, graph = node.name.value, node.selection_set, self._degrees()
        if name == "findings":
            return 1 + len(graph.findings_of.get(address, ())) * self._cost(below, address, info)
        if name == "consumers":
            others = [edge.source for edge in graph.consumers_of.get(address, ())]
        elif name == "producers":
            others = [edge.target for edge in graph.producers_of.get(address, ())]
        else:
            return 1 + self._cost(below, address, info)
        cost = 1
        for other in others:
            cost = _affordable(cost + self._cost(below, other, info))
        return cost


def _affordable(cost: int) -> int:
    if cost > MAX_COST:
        raise GraphQLError(f"the query costs more than {MAX_COST:,}; ask for less")
    return cost


class _Weigher:
    """Weighs selections, each fragment once; validation has refused unknown and cyclic ones."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], variables: JsonObject) -> None:
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, Weight] = {}

    def weigh(self, selections: SelectionSetNode | None) -> Weight:
        """Return the weight of all selections."""
        weight = Weight()
        for node in selections.selections if selections is not None else ():
            weight += self._one(node)
        return weight

    def _one(self, node: Any) -> Weight:
        if isinstance(node, FieldNode):
            return self._field(node)
        if isinstance(node, InlineFragmentNode):
            return self.weigh(node.selection_set)
        assert isinstance(node, FragmentSpreadNode)  # noqa: S101 - there are no other selections
        name = node.name.value
        if name not in self._known:
            self._known[name] = self.weigh(self._fragments[name].selection_set)
        return self._known[name]

    def _field(self, node: FieldNode) -> Weight:
        """A level where something is selected of it; introspection has no depth of its own, only a cost."""
        below = self.weigh(node.selection_set)
        nested = node.selection_set is not None and not node.name.value.startswith("__")
        return Weight(
            depth=1 + below.depth if nested else 0,
            aliases=below.aliases + (node.alias is not None),
            cost=1 + OWN_COST.get(node.name.value, 0) + self._rows(node) * below.cost,
        )

    def _rows(self, node: FieldNode) -> int:
        name = node.name.value
        if name in _LISTS:
            return LIST_LENGTH
        return max(1, self._limit(node)) if name in _PAGES else 1

    def _limit(self, node: FieldNode) -> int:
        """The limit that is asked for; one below 1 is refused by its field."""
        for argument in node.arguments or ():
            if argument.name.value == "limit":
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, VariableNode):
                    given = self._variables.get(argument.value.name.value)
                    return given if isinstance(given, int) else MOST
        return _PAGE_LENGTH


class _Flat(_Weigher):
    """Weighs one row: the lists in it count as one field each."""

    def _rows(self, node: FieldNode) -> int:
        return 0 if node.name.value in _LISTS | _PAGES else 1
