"""The questions that are asked most, found by their exact path before the framework looks for a route.

Searching all routes and resolving the dependencies of an endpoint cost more than an answer that is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class ExactPaths:
    """ASGI middleware: answers (method, path) that it knows, and leaves the others to the application."""

    def __init__(self, app: ASGIApp, *, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        known = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if known is None:
            await self._app(scope, receive, send)
        else:
            response = await known(Request(scope, receive))
            await response(scope, receive, send)
