"""Runs one query, and reports errors without details of defects."""

from __future__ import annotations

import asyncio

from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from karma_api.access import Caller
from karma_api.graphql.context import Context
from karma_api.graphql.schema import SCHEMA
from karma_api.service import Service
from karma_core.errors import KarmaError
from karma_core.json_types import JsonObject


def execute(
    service: Service,
    caller: Caller,
    query: str,
    *,
    variables: JsonObject | None = None,
    operation: str | None = None,
) -> JsonObject:
    """`{"data", "errors"}`. Runs in a loop of its own: the thread that calls it may block."""
    context = Context(service, caller)
    try:
        executed = asyncio.run(
            SCHEMA.execute(query, variable_values=variables, context_value=context, operation_name=operation)
        )
    except CannotGetOperationTypeError:
        return {"data": None, "errors": [{"message": "the query has no such operation"}]}
    document: JsonObject = {"data": executed.data}
    if executed.errors:
        document["errors"] = [_error(error) for error in executed.errors]
    return document


def _error(error: GraphQLError) -> JsonObject:
    """The error in GraphQL's form; of a defect, only that there was one."""
    cause = error.original_error
    shown: JsonObject = {"message": error.message}
    if isinstance(cause, KarmaError):
        shown = {"message": cause.what, "extensions": cause.document()}
    elif cause is not None and not isinstance(cause, GraphQLError):
        shown = {"message": "Karma failed", "extensions": {"code": "defect"}}
    if error.path:
        shown["path"] = list(error.path)
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    return shown
