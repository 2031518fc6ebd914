"""Decodes a raw request into its model: no repeated query names, strict JSON, every fault with its place."""

from __future__ import annotations

from collections import Counter
from functools import cache

from msgspec.structs import FieldInfo, fields

from karma_api.exchange import Incoming
from karma_api.route import Asked, Route
from karma_core import documents, strictjson
from karma_core.documents import TypeForm
from karma_core.errors import BadInput, UsageError
from karma_core.ids import shown
from karma_core.json_types import JsonObject, JsonValue

ENVIRONMENT = "environment"
"""Query name that every route takes: which environment is meant."""


def read(route: Route, incoming: Incoming) -> Asked:
    """Decode the request into its route's model.

    UsageError `query` for a wrong path or query, BadInput for a body that cannot be read. Query values are
    text: models turn them into numbers and flags.
    """
    values: JsonObject = {**_query(route, incoming), **incoming.path}
    if route.streams and incoming.headers.get("last-event-id"):
        values["after"] = incoming.headers["last-event-id"]  # a client that comes back knows best
    body = fields_of(route.asked).get("body")
    if body is not None and (incoming.body or body.required):
        values["body"] = _document(body.type, _body(incoming))
    elif body is None and incoming.body:
        raise UsageError(
            "this resource takes no body", next_step="send the request without one", code="query"
        )
    try:
        return documents.read(route.asked, values, strict=False)
    except documents.Faults as error:
        raise UsageError(
            "the request cannot be read",
            why=error.summary(whole="request"),
            next_step="correct it",
            code="query",
        ) from error


@cache
def fields_of(asked: type[Asked]) -> dict[str, FieldInfo]:
    """The fields of a request model, by the names that requests give them."""
    return {field.encode_name: field for field in fields(asked)}


def _document(kind: TypeForm, value: JsonValue) -> object:
    try:
        return documents.read(kind, value)
    except documents.Faults as error:
        raise BadInput(
            "the request is not one that Karma can read",
            why=error.summary(whole="document", below="body"),
            next_step="correct it; /openapi.json describes the document",
            code="invalid-request",
        ) from error


def _query(route: Route, incoming: Incoming) -> dict[str, str]:
    counts = Counter(name for name, _ in incoming.query)
    names = fields_of(route.asked).keys() - {"body"}
    known = names - set(incoming.path) | {ENVIRONMENT}
    twice = sorted(name for name, count in counts.items() if count > 1)
    unknown = sorted(counts.keys() - known)
    if twice or unknown:
        said = f"{shown(twice[0])} stands twice" if twice else f"{shown(unknown[0])} is not a name it takes"
        raise UsageError(
            "the query cannot be read",
            why=said,
            next_step=f"it takes: {', '.join(sorted(known))}",
            code="query",
        )
    return {name: value for name, value in incoming.query if name != ENVIRONMENT}


def _body(incoming: Incoming) -> JsonValue:
    media_type = incoming.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise BadInput(
            "the body is not JSON",
            why=f"its content-type is {shown(media_type)}",
            next_step="send JSON with content-type: application/json",
            code="media-type",
        )
    encoding = incoming.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadInput(
            "the body is encoded",
            why=f"its content-encoding is {shown(encoding)}",
            next_step="send JSON as it is",
            code="media-type",
        )
    return strictjson.parse(incoming.body, where="the body")
