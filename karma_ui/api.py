"""The API as the pages call it: over its ASGI application, as any client would, with the caller's token.

No store and no use case is reached from here, so that what a role may do is decided in one place, the API.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from karma_core.errors import KarmaError, NotFound
from karma_core.json_types import JsonObject, JsonValue

BASE: Final = "http://localhost"
"""A name that the API's guard knows: the application is called in this process."""
NOT_MODIFIED: Final = 304
UNAUTHENTICATED: Final = 401
NOT_FOUND: Final = 404
FIRST_ERROR: Final = 400
_DOTS: Final = frozenset({".", ".."})
"""Segments of a path that a client takes for another path; no name of Karma's is one."""


class Problem(KarmaError):
    """The API refused: `status` is its HTTP status, `body` its problem document (RFC 9457)."""

    def __init__(self, status: int, body: JsonObject) -> None:
        super().__init__(
            str(body.get("message") or body.get("detail") or "the API refused"),
            why=str(body.get("why") or ""),
            next_step=str(body.get("next") or ""),
            code=str(body.get("code") or "error"),
        )
        self.status = status
        self.body = body


class Api:
    """The API for one visitor of one environment. `token` empty: an anonymous one."""

    def __init__(self, app: ASGIApp, *, environment: str, token: str, client: str) -> None:
        self._app = app
        self._environment = environment
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = client

    async def get(self, path: str, **query: object) -> JsonValue:
        """The document of a resource; Problem where the API refuses. None values are left out."""
        return (await self._send("GET", path, query)).json()

    async def post(self, path: str, body: JsonObject | None = None, **query: object) -> JsonValue:
        """Send a POST and return its answer; Problem if the API refuses."""
        return (await self._send("POST", path, query, json=body)).json()

    async def fresh(self, path: str, etag: str, **query: object) -> tuple[str, bytes | None]:
        """(the resource's ETag, its bytes, or None where they are those of the given ETag)."""
        answer = await self._send("GET", path, query, headers={"if-none-match": etag} if etag else {})
        new_etag = answer.headers.get("etag", "")
        return new_etag, None if answer.status_code == NOT_MODIFIED else answer.content

    async def stream(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the API answer a visitor's own request, under the visitor's token, as it comes."""
        kept = [(name, value) for name, value in scope["headers"] if name in {b"last-event-id", b"host"}]
        headers = kept + [(name.encode(), value.encode()) for name, value in self._headers.items()]
        query = f"environment={self._environment}".encode()
        if scope["query_string"]:
            query += b"&" + scope["query_string"]
        own = {"path": path, "raw_path": path.encode(), "root_path": "", "path_params": {}}
        await self._app({**scope, **own, "headers": headers, "query_string": query}, receive, send)

    async def _send(self, method: str, path: str, query: dict[str, Any], **options: Any) -> httpx.Response:
        if _DOTS & set(path.split("/")):
            raise NotFound("there is no such page", next_step="use the pages' own links")
        params = {name: value for name, value in query.items() if value not in (None, "")}
        headers = {**self._headers, **options.pop("headers", {})}
        transport = httpx.ASGITransport(app=self._app, client=(self._client, 0), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as http:
            answer = await http.request(
                method,
                quote(path),
                params={**params, "environment": self._environment},
                headers=headers,
                **options,
            )
        if answer.status_code >= FIRST_ERROR:
            raise Problem(answer.status_code, answer.json())
        return answer
