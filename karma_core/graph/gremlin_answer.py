"""Answers of Gremlin queries in one form, whichever store gave them.

A vertex is `{"id", "label"}`, an edge has `source` and `target` too, a path is the list of what it went
through. Names in maps are text and sorted, for stores give maps in any order; so are results, unless the
query orders them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from karma_core.errors import UsageError
from karma_core.graph.gremlin_text import Traversal
from karma_core.json_types import GremlinValue, JsonValue
from karma_core.model import Record
from karma_core.strictjson import canonical

LIMIT: Final = 1000
"""Results of one query unless the caller says otherwise."""
SECONDS: Final = 10.0
"""Time of one query unless the caller says otherwise."""


class GremlinAnswer(Record, frozen=True, kw_only=True):
    """Results as JSON values; `truncated` where there were more than the limit."""

    results: list[JsonValue]
    truncated: bool


def unanswerable(why: str) -> UsageError:
    """Return the error for a query that parses but cannot be answered: wrong types, too many paths."""
    return UsageError(
        "the Gremlin query cannot be answered",
        why=why,
        next_step="correct it, or ask for less; docs/gremlin.md has queries that every store answers",
        code="gremlin",
    )


def make_answer(
    query: Traversal,
    results: Iterable[GremlinValue],
    limit: int,
    plain: Callable[[GremlinValue], GremlinValue],
) -> GremlinAnswer:
    """The answer made of a store's results, of which one more than the limit was asked for.

    `plain` turns the store's own elements into dicts and lists, and leaves other values alone.
    """
    values = [_value(result, plain) for result in results]
    if not query.ordered:
        values.sort(key=canonical)
    return GremlinAnswer(results=values[:limit], truncated=len(values) > limit)


def _value(value: GremlinValue, plain: Callable[[GremlinValue], GremlinValue]) -> GremlinValue:
    value = plain(value)
    if isinstance(value, dict):
        named = {_name(key, plain): _value(item, plain) for key, item in value.items()}
        return dict(sorted(named.items()))
    if isinstance(value, (list, tuple)):
        return [_value(item, plain) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_value(item, plain) for item in value), key=canonical)
    return value


def _name(key: GremlinValue, plain: Callable[[GremlinValue], GremlinValue]) -> str:
    key = plain(key)
    if isinstance(key, dict):
        return str(key["id"])
    return key if isinstance(key, str) else canonical(key).decode()
