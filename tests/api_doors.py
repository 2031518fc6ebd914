"""Ways to the API for its contract suite: over HTTP, and by events to functions in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from karma_api.registry import FUNCTIONS
from karma_api.route import Route
from karma_api.routes import ROUTES
from karma_api.service import Services
from karma_core.roles import Role
from karma_lambda.entry import Handler, serve
from karma_lambda.gateway import DEFAULT_ROUTE
from karma_lambda.settings import FunctionSettings

EVENTS = Path(__file__).parent / "unit" / "karma_lambda" / "events"


class Door(Protocol):
    """Requests as somebody of a role."""

    def get(self, path: str, role: Role | None = Role.VIEWER, **headers: str) -> httpx.Response: ...

    def post(
        self,
        path: str,
        body: Any = None,
        role: Role | None = Role.OPERATOR,
        *,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx.Response: ...


class HttpDoor:
    """The API at an address."""

    def __init__(self, url: str, tokens: Mapping[Role, str], *, host: str = "") -> None:
        self._tokens = tokens
        named = {"host": host} if host else {}
        self._http = httpx.Client(base_url=url, timeout=120, trust_env=False, headers=named)

    def get(self, path: str, role: Role | None = Role.VIEWER, **headers: str) -> httpx.Response:
        """GET."""
        return self._http.get(path, headers={**self._signed(role), **headers})

    def post(
        self,
        path: str,
        body: Any = None,
        role: Role | None = Role.OPERATOR,
        *,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """POST of a JSON value, or of bytes that are said to be JSON."""
        sent = content if content is not None else json.dumps(body).encode()
        every = {"content-type": "application/json", **self._signed(role), **headers}
        return self._http.post(path, content=sent, headers=every)

    def _signed(self, role: Role | None) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[role]}"} if role is not None else {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


MakeEvent = Callable[[str, str, str, Mapping[str, str], Mapping[str, str], bytes], dict[str, Any]]


class EventDoor:
    """Functions that get events as API Gateway makes them."""

    def __init__(
        self, services: Services, tokens: Mapping[Role, str], make: MakeEvent, **settings: Any
    ) -> None:
        self._tokens = tokens
        self._make = make
        function = FunctionSettings(project={}, **settings)
        self._handlers: dict[str, Handler] = {}
        for resource in FUNCTIONS.values():
            routes = resource.routes()
            handler = serve(routes, read=lambda: function, open_all=lambda _: services)
            self._handlers |= {f"{route.method} {route.path}": handler for route in routes}
        self._handlers[DEFAULT_ROUTE] = self._handlers["GET /healthz"]

    def get(self, path: str, role: Role | None = Role.VIEWER, **headers: str) -> httpx.Response:
        """GET."""
        return self._ask("GET", path, {**self._signed(role), **headers}, b"")

    def post(
        self,
        path: str,
        body: Any = None,
        role: Role | None = Role.OPERATOR,
        *,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """POST of a JSON value, or of bytes that are said to be JSON."""
        sent = content if content is not None else json.dumps(body).encode()
        every = {"Content-Type": "application/json", **self._signed(role), **headers}
        return self._ask("POST", path, every, sent)

    def event(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The event of a request."""
        key, placeholders = _matched(method, urlsplit(url).path)
        return self._make(key, method, url, placeholders, headers, body)

    def handle(self, event: dict[str, Any]) -> httpx.Response:
        """What the event's function answers."""
        key = event.get("routeKey") or f"{event['httpMethod']} {event['resource']}"
        handler = self._handlers.get(key, self._handlers[DEFAULT_ROUTE])
        answer = handler(event, None)
        json.dumps(answer)  # as Lambda does
        return httpx.Response(
            answer["statusCode"], headers=answer["headers"], content=answer["body"].encode()
        )

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        return self.handle(self.event(method, url, headers, body))

    def _signed(self, role: Role | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[role]}"} if role is not None else {}


def http_api_event(
    key: str,
    method: str,
    url: str,
    placeholders: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    """A recorded event of an HTTP API (payload format 2.0), with this request in the recorded one's place."""
    event = _recorded("http-api.json")
    parts = urlsplit(url)
    event |= {"routeKey": key, "rawPath": parts.path, "rawQueryString": parts.query}
    event["headers"] |= {name.lower(): value for name, value in headers.items()}
    event["requestContext"]["http"] |= {"method": method, "path": parts.path}
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if pairs:
        event["queryStringParameters"] = {
            name: ",".join(v for n, v in pairs if n == name) for name, _ in pairs
        }
    if placeholders:
        event["pathParameters"] = dict(placeholders)
    if body:
        event["body"] = body.decode(errors="replace")
    return event


def rest_api_event(
    key: str,
    method: str,
    url: str,
    placeholders: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    """A recorded event of a REST API (payload format 1.0), likewise."""
    event = _recorded("rest-api.json")
    parts = urlsplit(url)
    resource = key.partition(" ")[2] or "/{proxy+}"
    event |= {"resource": resource, "path": parts.path, "httpMethod": method}
    event["headers"] |= dict(headers)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    several = {name: [v for n, v in pairs if n == name] for name, _ in pairs}
    event["multiValueQueryStringParameters"] = several or None
    event["queryStringParameters"] = {name: values[-1] for name, values in several.items()} or None
    event["pathParameters"] = dict(placeholders) or None
    event["body"] = body.decode(errors="replace") or None
    return event


def _recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return event


def _matched(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route's key and the decoded values of its placeholders, as API Gateway finds them."""
    for route in sorted(ROUTES, key=lambda route: route.path.count("{")):
        match = re.fullmatch(_pattern(route), path)
        if match is not None and route.method == method and route.name != "metrics":
            return f"{method} {route.path}", {name: unquote(v) for name, v in match.groupdict().items()}
    return DEFAULT_ROUTE, {}


def _pattern(route: Route) -> str:
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.path))
