"""The ASGI application around another one: requests of foreign pages never reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from karma_adapters.web.same_origin import OwnNames
from karma_core.errors import BadInput, KarmaError

Answer = Callable[[KarmaError], tuple[int, list[tuple[bytes, bytes]], bytes]]
"""Renders an error: its HTTP status, headers and body."""
POLICY_VIOLATION: Final = 1008
"""RFC 6455, 7.4.1. Sent before a socket is accepted, a client sees 403."""


class Guard:
    """An application that other sites cannot use. With `json_only` a body has to be declared as JSON."""

    def __init__(self, app: ASGIApp, own: OwnNames, answer: Answer, *, json_only: bool = False) -> None:
        self._app = app
        self._own = own
        self._answer = answer
        self._json_only = json_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused: KarmaError | None = self._own.refusal(scope.get("method", "GET"), scope["headers"])
        if refused is None and self._json_only and scope["type"] == "http":
            refused = undeclared_body(scope["headers"])
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refused.code})
        else:
            status, headers, body = self._answer(refused)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def undeclared_body(headers: list[tuple[bytes, bytes]]) -> BadInput | None:
    """Return the error for a body that is not declared as JSON, `media-type`; None where there is no body.

    Browsers send other types, and none, without asking the server first (Fetch: CORS-safelisted headers).
    """
    lengths = {value for name, value in headers if name == b"content-length"}
    if lengths <= {b"0"} and not any(name == b"transfer-encoding" for name, _ in headers):
        return None
    declared = {
        value.partition(b";")[0].strip().lower() for name, value in headers if name == b"content-type"
    }
    if declared == {b"application/json"}:
        return None
    return BadInput(
        "the body is not declared as JSON",
        why="a request with a body needs content-type: application/json",
        next_step="send JSON with that header",
        code="media-type",
    )
