"""GraphQL as a resource. The schema is loaded at the first query: no other resource needs it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec import field as key

from karma_api.access import Caller
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import Document
from karma_core.json_types import JsonObject
from karma_core.roles import Role

MOST_TEXT = 20_000
"""Longest query, in characters; the limit on tokens is far below it."""


class GraphqlQuery(Document, frozen=True, kw_only=True):
    """One query; several at once are not taken."""

    query: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT)]
    variables: JsonObject | None = None
    operation: Annotated[str, Meta(max_length=200)] | None = key(default=None, name="operationName")
    extensions: JsonObject | None = None


class GraphqlAsked(Asked, frozen=True, kw_only=True):
    """A query."""

    body: GraphqlQuery


class GraphqlAnswer(Answered, kw_only=True):
    """GraphQL's own form: what is wrong with a query stands in `errors`."""

    data: JsonObject | None


def query(service: Service, caller: Caller, asked: GraphqlAsked) -> JsonObject:
    """Run one query."""
    from karma_api.graphql.execution import execute  # noqa: PLC0415 - loads strawberry

    wanted = asked.body
    return execute(service, caller, wanted.query, variables=wanted.variables, operation=wanted.operation)


ROUTES = (
    Route(
        name="graphql",
        method="POST",
        path="/graphql",
        role=Role.VIEWER,
        handler=query,
        summary="GraphQL",
        tag="graphql",
        asked=GraphqlAsked,
        answered=GraphqlAnswer,
        costly=True,
    ),
)
