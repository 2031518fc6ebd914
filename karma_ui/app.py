"""The pages as an ASGI application, mounted into the API's."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from karma_core.errors import BadInput, KarmaError, NotFound, UsageError
from karma_ui import headers, session
from karma_ui.api import NOT_FOUND, UNAUTHENTICATED, Problem
from karma_ui.context import AppContext
from karma_ui.graph_cache import GraphCache
from karma_ui.pages import artifact, changes, component, graph, log, runs, signin
from karma_ui.rendering import render
from karma_ui.visit import SEE_OTHER, Visit

PATH: Final = "/ui"
STATIC: Final = Path(__file__).parent / "static"
FORBIDDEN: Final = 403
Page = Callable[[Visit], Awaitable[Response]]

PAGES: Final[tuple[tuple[str, str, Page], ...]] = (
    ("GET", "/graph", graph.show),
    ("GET", "/graph/scene.json", graph.scene),
    ("GET", "/graph/node", graph.node),
    ("GET", "/graph/edge", graph.edge),
    ("GET", "/graph/graph.svg", graph.picture),
    ("GET", "/graph/graph.mmd", graph.mermaid),
    ("GET", "/components/{type}/{nickname}", component.show),
    ("GET", "/changes", changes.index),
    ("GET", "/changes/new", changes.propose),
    ("POST", "/changes/check", changes.check),
    ("POST", "/changes/preview", changes.preview),
    ("POST", "/changes/submit", changes.submit),
    ("GET", "/changes/{change_id}", changes.show),
    ("POST", "/changes/{change_id}/{act}", changes.act),
    ("GET", "/runs", runs.index),
    ("GET", "/runs/{run_id}", runs.show),
    ("GET", "/artifacts", artifact.show),
    ("GET", "/log", log.index),
    ("GET", "/log/verify", log.verify),
    ("GET", "/log/{event_id}", log.show),
    ("POST", "/signout", signin.end),
)
OPEN_PAGES: Final[tuple[tuple[str, str, Page], ...]] = (
    ("GET", "/signin", signin.show),
    ("POST", "/signin", signin.begin),
    ("GET", "/signin/{issuer}", signin.to_issuer),
    ("GET", "/signin/{issuer}/callback", signin.from_issuer),
)
"""Pages that need no signed-in user."""


def make_app(
    api: Starlette,
    environments: tuple[str, ...],
    default: str | None = None,
    *,
    prefect_url: str = "",
    public_url: str = "",
) -> Starlette:
    """The API's application with the pages mounted at /ui; `/` leads there.

    `public_url` is the address under which people reach it, where that is another than they are asked by.
    """
    public = urlsplit(public_url)
    context = AppContext(
        api=api,
        environments=environments,
        default=default or next(iter(environments), ""),
        version=_version(),
        graphs=GraphCache(),
        prefect_url=prefect_url.rstrip("/"),
        origin=f"{public.scheme}://{public.netloc}" if public.netloc else "",
    )
    for path in ("/", PATH):
        api.add_route(path, _to_pages)
    api.mount(PATH, pages(context))
    return api


async def _to_pages(_request: Request) -> Response:
    """Redirect / and paths without a trailing slash."""
    return RedirectResponse(f"{PATH}/", SEE_OTHER, headers=dict(headers.SECURE))


def pages(context: AppContext) -> ASGIApp:
    """The pages alone, wherever they are mounted."""

    async def home(request: Request) -> Response:
        return RedirectResponse(f"{request.scope['root_path']}/{context.default}/graph", SEE_OTHER)

    routes: list[BaseRoute] = [
        Route("/", home),
        Mount(f"/static/{context.version}", StaticFiles(directory=STATIC)),
        Route("/{environment}/events", _Events(context)),
    ]
    for table, signed_in in ((PAGES, True), (OPEN_PAGES, False)):
        for method, path, page in table:
            served = _served(context, page, signed_in=signed_in)
            routes.append(Route("/{environment}" + path, served, methods=[method]))
    routes.append(Route("/{environment}", _to_graph))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _defect})
    return _with_headers(app, context)


def _served(context: AppContext, page: Page, *, signed_in: bool) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a page with the checks that all share: environment, seal, session, errors."""

    async def serve(request: Request) -> Response:
        visit = Visit(request=request, context=context, environment=request.path_params["environment"])
        try:
            _require_environment(visit)
            if request.method == "POST":
                visit.form = await visit.read_form()
                _require_seal(visit)
            if signed_in and _turned_away(visit):
                return _to_sign_in(visit)
            if signed_in:
                visit.who = await visit.api.get("/whoami")
            response = await page(visit)
        except Problem as problem:
            response = _refused(visit, problem)
        except KarmaError as error:
            response = visit.page("error.html", _status(error), error=error)
        visit.cookies.remember_nonce(response)
        return response

    return serve


def _require_environment(visit: Visit) -> None:
    if visit.environment not in visit.context.environments:
        visit.environment = visit.context.default
        raise NotFound("there is no such environment here", next_step="choose one of those that there are")


def _require_seal(visit: Visit) -> None:
    given = visit.form.pop(session.SEAL_FIELD, "") or visit.request.headers.get(session.SEAL_HEADER, "")
    if not visit.cookies.sealed(given):
        raise Problem(
            FORBIDDEN,
            {
                "message": "the form does not come from this page",
                "why": "it does not carry this session's seal",
                "next": "open the page again and send the form from there",
                "code": "forbidden",
            },
        )


def _turned_away(visit: Visit) -> bool:
    """Whether the page needs a signed-in user and there is none, as far as that is known already."""
    return visit.environment in visit.context.closed and not visit.cookies.session()


def _refused(visit: Visit, problem: Problem) -> Response:
    """Redirect to the sign-in form if nobody is signed in; otherwise show the API's error."""
    if problem.status != UNAUTHENTICATED:
        return visit.page("error.html", problem.status, error=problem)
    if not visit.cookies.session():
        visit.context.closed.add(visit.environment)
    return _to_sign_in(visit)


def _to_sign_in(visit: Visit) -> Response:
    """Redirect to the sign-in form, which leads back to the requested page."""
    asked = visit.request.url
    then = asked.path.removeprefix(visit.root) + (f"?{asked.query}" if asked.query else "")
    return visit.go("/signin", **({"then": then} if visit.request.method == "GET" else {}))


def _status(error: KarmaError) -> int:
    """The HTTP status of an error of the pages' own; those of the API bring theirs."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return 422 if isinstance(error, BadInput) else 400 if isinstance(error, UsageError) else 500


class _Events:
    """The API's event stream under the session's token: browsers cannot set headers on one."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        visit = Visit(request=request, context=self._context, environment=request.path_params["environment"])
        if visit.environment not in self._context.environments or request.method != "GET":
            await Response(status_code=NOT_FOUND)(scope, receive, send)
            return
        await visit.api.stream("/events", scope, receive, send)


async def _to_graph(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path.rstrip('/')}/graph", SEE_OTHER)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    return Response(render("bare.html", {"said": error.detail}), error.status_code, media_type="text/html")


async def _defect(_request: Request, _error: Exception) -> Response:
    said = "Karma failed. This is a defect; the server's log has all of it."
    return Response(render("bare.html", {"said": said}), 500, media_type="text/html")


def _with_headers(app: ASGIApp, context: AppContext) -> ASGIApp:
    """The application with the headers of pages on every answer, those of static files on theirs."""
    static = f"/static/{context.version}/"

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        lasting = static in scope["path"]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                cache = "public, max-age=31536000, immutable" if lasting else headers.PRIVATE
                given = {**headers.SECURE, "cache-control": cache}
                kept = [(k, v) for k, v in message["headers"] if k.decode() not in given]
                message["headers"] = kept + [(k.encode(), v.encode()) for k, v in given.items()]
            await send(message)

        await app(scope, receive, answer)

    return wrapped


def _version() -> str:
    """A digest of the static files: a changed file is another address."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
