"""The two servers of the API's benchmark: `python -m benchmarks.api_server ours|bare PROJECT PORT`.

The bare one asks the same door for the same token, sends the same headers and the same bytes, and does
nothing else: what is above it is the price of Karma's API. Both are Starlette.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karma_api.app import app_of
from karma_api.exchange import Incoming
from karma_api.http_protocol import PunctualProtocol
from karma_api.opening import open_services
from karma_api.routes import ROUTES

ANSWERS = "answers.msgpack"
"""File below the project: (path, body) → (headers, bytes) of what ours answered."""
Answers = dict[str, tuple[dict[str, str], bytes]]


def bare(root: Path) -> Starlette:
    """One route for everything that was recorded."""
    access = open_services(root).of(None).access
    answers = msgspec.msgpack.decode((root / ANSWERS).read_bytes(), type=Answers)
    route = next(route for route in ROUTES if route.name == "graph")

    async def answer(request: Request) -> Response:
        incoming = Incoming(headers=request.headers)
        caller = access.identify(incoming, route.name, route.role)
        access.admit(caller, route.name, route.role)
        body = await request.body() if request.method == "POST" else b""
        headers, content = answers[f"{request.url.path}?{request.url.query} {body.decode()}"]
        return Response(content, headers=headers)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


if __name__ == "__main__":
    kind, folder, port = sys.argv[1:]
    made = app_of(Path(folder)) if kind == "ours" else bare(Path(folder))
    uvicorn.run(
        made,
        host="127.0.0.1",
        port=int(port),
        log_level="critical",
        server_header=False,
        http=PunctualProtocol,
    )
