"""Events of API Gateway as requests, and answers as what it expects: HTTP API (2.0) and REST API (1.0)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from karma_api.exchange import Outgoing
from karma_core.errors import BadInput
from karma_core.json_types import JsonMapping, JsonObject
from karma_lambda.claims import Recognised, caller_of
from karma_lambda.settings import Authorizer

DEFAULT_ROUTE = "$default"
"""HTTP API's route for what no other route takes."""


@dataclass(frozen=True)
class Request:
    """The request in an event: the key of the route (`GET /graph`) and the request itself."""

    route: str
    incoming: Recognised


def read_event(event: JsonMapping, rules: Authorizer) -> Request:
    """The request of an event; BadInput `event` where it is none of API Gateway's."""
    if not isinstance(event, dict) or "requestContext" not in event:
        raise _not_ours("it has no requestContext")
    try:
        return _http_api(event, rules) if event.get("version") == "2.0" else _rest_api(event, rules)
    except (AttributeError, TypeError) as error:
        raise _not_ours("a part of it is of another kind than API Gateway sends") from error


def response(made: Outgoing) -> JsonObject:
    """The answer; both kinds of API take it."""
    headers = dict(made.headers)
    try:
        return {"statusCode": made.status, "headers": headers, "body": made.body.decode()}
    except UnicodeDecodeError:
        body = base64.b64encode(made.body).decode()
        return {"statusCode": made.status, "headers": headers, "body": body, "isBase64Encoded": True}


def _http_api(event: JsonObject, rules: Authorizer) -> Request:
    context = event["requestContext"]
    client = str((context.get("http") or {}).get("sourceIp") or "")
    incoming = Recognised(
        path=dict(event.get("pathParameters") or {}),
        query=tuple(parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)),
        headers=_lower(event.get("headers")),
        body=_body(event),
        client=client,
        caller=caller_of(context.get("authorizer") or {}, rules, client),
    )
    return Request(event.get("routeKey") or DEFAULT_ROUTE, incoming)


def _rest_api(event: JsonObject, rules: Authorizer) -> Request:
    context = event["requestContext"]
    identity = context.get("identity") or {}
    client = str(identity.get("sourceIp") or "")
    several = event.get("multiValueQueryStringParameters") or {}
    single = event.get("queryStringParameters") or {}
    pairs = several.items() if several else ((name, [value]) for name, value in single.items())
    known = context.get("authorizer") or {"userArn": identity.get("userArn")}
    incoming = Recognised(
        path=dict(event.get("pathParameters") or {}),
        query=tuple((name, value) for name, values in pairs for value in values),
        headers=_lower(event.get("headers")),
        body=_body(event),
        client=client,
        caller=caller_of(known, rules, client),
    )
    return Request(f"{event.get('httpMethod', '')} {event.get('resource', '')}", incoming)


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _body(event: JsonMapping) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return bytes(body, "utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _not_ours("its body is not base64") from error


def _not_ours(why: str) -> BadInput:
    return BadInput(
        "the event is not one of API Gateway",
        why=why,
        next_step="invoke the function through its API",
        code="event",
    )
