"""Signing in by an API token, and out."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import Response

from karma_core.errors import KarmaError
from karma_ui import session
from karma_ui.api import UNAUTHENTICATED, Api, Problem
from karma_ui.visit import Visit


async def show(visit: Visit) -> Response:
    """The form."""
    return visit.page("signin.html", then=within(visit.query.get("then", "")), error=None)


async def begin(visit: Visit) -> Response:
    """Keep the token where the API knows it."""
    token, then = visit.form.get("token", "").strip(), within(visit.form.get("then", ""))
    client = visit.request.client.host if visit.request.client is not None else ""
    try:
        if not session.acceptable(token):
            raise Problem(UNAUTHENTICATED, {"message": "this is no token", "code": "unauthenticated"})
        api = Api(visit.context.api, environment=visit.environment, token=token, client=client)
        await api.get("/whoami")
    except KarmaError as error:
        status = getattr(error, "status", UNAUTHENTICATED)
        return visit.page("signin.html", status, then=then, error=error)
    response = visit.go(then)
    session.begin(visit.request, response, token, visit.root)
    return response


async def end(visit: Visit) -> Response:
    """Forget the token."""
    response = visit.go("/signin")
    session.end(visit.request, response, visit.root)
    return response


def within(path: str) -> str:
    """A path below the environment's pages; the graph where it is none, so that nobody is led elsewhere."""
    parts = urlsplit(path)
    right = path.startswith("/") and "\\" not in path
    clean = path.isascii() and path.isprintable() and ".." not in parts.path
    return path if right and clean and not parts.scheme and not parts.netloc else "/graph"
