"""What a query may cost: tokens, aliases, depth, and the rows that it could give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter, SchemaExtension

from karma_api.paging import MOST

MAX_TOKENS: Final = 1_000
MAX_ALIASES: Final = 15
MAX_DEPTH: Final = 12
MAX_COST: Final = 50_000
"""Fields that a query could resolve. Ours: 100 components with 10 neighbours each, of 10 fields, twice."""
LIST_LENGTH: Final = 10
"""What a list without a limit counts for: neighbours, findings, introspected fields."""
_LISTS: Final = frozenset(
    {"consumers", "producers", "findings", "waves", "types", "fields", "args", "inputFields", "interfaces"}
    | {"possibleTypes", "enumValues", "directives"}
)
_PAGES: Final = frozenset({"components", "builds", "changes", "log"})
_PAGE_LENGTH: Final = 100


def extensions() -> list[Any]:
    """All of the limits, as the schema takes them; the cheapest first."""
    return [
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
        CostLimiter,
    ]


class CostLimiter(SchemaExtension):
    """Refuses a query that could resolve more than MAX_COST fields, before any is resolved."""

    def on_execute(self) -> Iterator[None]:
        """Weigh the operation that is about to run."""
        context = self.execution_context
        document = context.graphql_document
        if document is not None:
            operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
            fragments = {
                d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
            }
            weigher = _Weigher(fragments, context.variables or {})
            cost = sum(weigher.weigh(operation.selection_set) for operation in operations)
            if cost > MAX_COST:
                raise GraphQLError(f"the query may cost {cost:,}, more than {MAX_COST:,}; ask for less")
        yield


class _Weigher:
    """The cost of selections. Fragments are weighed once; validation has refused those in a circle."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], variables: dict[str, Any]) -> None:
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, int] = {}

    def weigh(self, selections: SelectionSetNode | None) -> int:
        """Fields that the selections could resolve."""
        return sum(self._one(node) for node in selections.selections) if selections is not None else 0

    def _one(self, node: Any) -> int:
        if isinstance(node, FieldNode):
            return 1 + self._rows(node) * self.weigh(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return self.weigh(node.selection_set)
        assert isinstance(node, FragmentSpreadNode)  # noqa: S101 - there are no other selections
        name = node.name.value
        if name not in self._known:
            self._known[name] = self.weigh(self._fragments[name].selection_set)
        return self._known[name]

    def _rows(self, node: FieldNode) -> int:
        name = node.name.value
        if name in _LISTS:
            return LIST_LENGTH
        return self._limit(node) if name in _PAGES else 1

    def _limit(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value == "limit":
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, VariableNode):
                    given = self._variables.get(argument.value.name.value)
                    return given if isinstance(given, int) else MOST
        return _PAGE_LENGTH
