"""A program that prints the routes of Prefect's application, `[[method, path], …]`, from its own tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from prefect.server.api.server import create_app

SOCKET = "SOCKET"
"""The method of a websocket."""


def walk(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, in mounted applications and included routers, too."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        included = getattr(route, "original_router", None)
        if included is not None:
            inner = prefix + str(getattr(route.include_context, "prefix", "") or "")
            yield from walk(included.routes, inner)
        elif getattr(route, "methods", None):
            yield from ((method, path) for method in sorted(route.methods))
        elif getattr(route, "routes", None):
            yield from walk(route.routes, path)
        elif "WebSocket" in type(route).__name__:
            yield SOCKET, path
        else:
            yield "GET", f"{path}/"  # files


if __name__ == "__main__":
    json.dump(sorted(set(walk(create_app(ephemeral=True).routes))), sys.stdout)
