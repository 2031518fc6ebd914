"""The ASGI application, made from the route table.

Handlers run in threads, because stores block; an answer that is known already is given without one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as ServedRoute

from karma_adapters.web.guard import Guard
from karma_adapters.web.same_origin import OwnNames
from karma_adapters.wiring.reading import project_to_serve, read_settings
from karma_api import access_log, openapi, problems
from karma_api.dispatch import answer, answer_at_once, caller_key, too_large, user_of
from karma_api.exchange import JSON, SECURE, Incoming, Outgoing, encode
from karma_api.limits import Limits
from karma_api.memory import calm_collector, tidy
from karma_api.metrics import Metrics
from karma_api.opening import limits_of, open_services
from karma_api.proxies import TrustedProxies
from karma_api.resources.events import MEDIA_TYPE
from karma_api.route import Route
from karma_api.routes import ROUTES
from karma_api.service import Services
from karma_api.slots import COSTLY, COSTLY_FOR_ONE, FOR_ONE, THREADS, Slots
from karma_api.streaming import Streams
from karma_core.errors import KarmaError, UsageError

Endpoint = Callable[[Request], Awaitable[Response]]

TIDY_SECONDS = 2.0
"""How long after the last costly request memory is given back: collecting stops every thread for a moment."""
SWITCH_SECONDS = 0.0005
"""How long a thread that computes may hold the interpreter while others wait. Ours: Python's own 5 ms would
make every answer that is ready wait so long while a new build is loaded."""


def make_app(
    services: Services,
    *,
    metrics: Metrics | None = None,
    limits: Limits | None = None,
    own: OwnNames | None = None,
    proxies: Iterable[str] = (),
) -> Starlette:
    """The application over these services, which it closes when it ends.

    `own` are the names under which browsers may ask it; none: those of loopback, and addresses. What is
    mounted into the application is guarded with it. `proxies` are addresses and networks whose
    `X-Forwarded-For` counts.
    """
    serving = _Serving(services, metrics or Metrics(), limits or Limits())
    app = Starlette(
        routes=[*(_served(route, serving) for route in sorted(ROUTES, key=_search_order)), _description()],
        exception_handlers={HTTPException: _http_error, Exception: _defect},
        lifespan=serving.lifespan,
        middleware=[
            Middleware(TrustedProxies, tuple(proxies)),
            Middleware(Guard, own=own or OwnNames(), answer=_refused),
        ],
    )
    app.router.redirect_slashes = False  # /graph/ is not /graph: 404
    return app


def app_of(root: Path) -> Starlette:
    """The application over a project."""
    settings = read_settings(root)
    if settings.api.access_log:
        access_log.switch_on()
    metrics = Metrics()
    services = open_services(root, metrics=metrics.text)
    own = OwnNames(settings.api.allowed_hosts, [settings.api.public_url])
    return make_app(
        services, metrics=metrics, limits=limits_of(settings), own=own, proxies=settings.api.trusted_proxies
    )


def create_app() -> Starlette:
    """The application over the project that KARMA_PROJECT_DIR names, else that of the current folder."""
    return app_of(project_to_serve())


class _Serving:
    """State that the endpoints of one application share."""

    def __init__(self, services: Services, metrics: Metrics, limits: Limits) -> None:
        self._services = services
        self._metrics = metrics
        self._limits = limits
        self._streams = Streams(services, metrics)
        self._slots: tuple[Slots, Slots] | None = None
        self._probes: Slots | None = None
        self._tidying: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Let threads take turns quickly while requests are served; close the services afterwards."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        with calm_collector():
            yield
        sys.setswitchinterval(before)
        await run_sync(self._services.close)

    def endpoint(self, route: Route) -> Endpoint:
        """Answers one route."""

        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            incoming = at_once = None
            try:
                incoming = await self._incoming(request)
                at_once = answer_at_once(self._services, route, incoming) if route.cached else None
                made = at_once or await self._in_thread(route, incoming, request)
            except KarmaError as error:
                made = problems.outgoing(error)
            incoming = incoming or Incoming(client=_client(request))
            self._note(route, incoming, made.status, started, at_once=at_once is not None)
            return _response(made)

        return endpoint

    def stream(self, route: Route) -> Endpoint:
        """Answers a route by an open stream, which is noted when it begins."""

        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            incoming = Incoming(client=_client(request))
            try:
                incoming = await self._incoming(request)
                frames = await self._streams.begin(route, incoming)
            except KarmaError as error:
                made = problems.outgoing(error)
                self._note(route, incoming, made.status, started)
                return _response(made)
            self._note(route, incoming, 200, started)
            headers = {**SECURE, "cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamingResponse(frames, media_type=MEDIA_TYPE, headers=headers)

        return endpoint

    def _note(
        self, route: Route, incoming: Incoming, status: int, started: float, *, at_once: bool = False
    ) -> None:
        """Count an answer, and write it to the access log."""
        seconds = time.perf_counter() - started
        self._metrics.count(route.name, route.method, status, seconds, at_once=at_once)
        if access_log.is_on():
            access_log.write(route, incoming, user_of(self._services, incoming), status, seconds)

    async def _in_thread(self, route: Route, incoming: Incoming, request: Request) -> Outgoing:
        """The answer, made in a thread of the route's kind."""
        if self._slots is None:  # semaphores belong to the loop
            self._slots = Slots(THREADS, FOR_ONE), Slots(COSTLY, COSTLY_FOR_ONE)
            self._probes = Slots(THREADS, THREADS)  # requests that hang keep no probe waiting
        probes = self._probes if route.within is not None else None
        caller = caller_key(self._services, incoming)
        try:
            with anyio.fail_after(self._limits.request_seconds):
                return await (probes or self._slots[route.costly]).run(
                    caller, partial(answer, self._services, route, incoming), partial(_still_there, request)
                )
        except TimeoutError as error:
            raise problems.TooSlow(
                "the answer took too long",
                why=f"a request may take {self._limits.request_seconds:g} s; what it began goes on",
                next_step="check the run's or the change's status before retrying",
            ) from error
        finally:
            if route.costly:
                self._tidy_later()

    def _tidy_later(self) -> None:
        """Collect and give memory back when there was no costly work for a while."""
        loop = asyncio.get_running_loop()
        if self._tidying is not None:
            self._tidying.cancel()
        self._tidying = loop.call_later(TIDY_SECONDS, lambda: loop.run_in_executor(None, tidy))

    async def _incoming(self, request: Request) -> Incoming:
        if b"%2f" in (request.scope.get("raw_path") or b"").lower():
            raise problems.no_resource()  # an encoded slash is none that parts a path
        return Incoming(
            path=request.path_params,
            query=tuple(request.query_params.multi_items()),
            headers=request.headers,
            body=await self._body(request),
            client=_client(request),
        )

    async def _body(self, request: Request) -> bytes:
        """The body, read no further than the limit, and no longer than a request may take."""
        if request.method in {"GET", "HEAD"}:
            return b""
        most = self._limits.body_bytes
        parts, size = [], 0
        try:
            with anyio.fail_after(self._limits.request_seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > most:
                        raise too_large(most)
                    parts.append(part)
        except TimeoutError as error:
            raise problems.TooSlow("the body came too slowly", next_step="send it again") from error
        except ClientDisconnect as error:  # nobody hears the answer
            raise UsageError(
                "the caller hung up before the body had come", next_step="send it again"
            ) from error
        return b"".join(parts)


def _search_order(route: Route) -> int:
    """Sorting key: routes whose answers are kept stand first, because they are asked most.

    The framework tries one route after the other, which costs more than sending a kept answer. A path with
    placeholders stays behind the fixed paths that it would match, too.
    """
    return 0 if route.cached and "{" not in route.path else 1


def _served(route: Route, serving: _Serving) -> ServedRoute:
    """One route as the framework serves it: HEAD beside GET (RFC 9110, 9.1), but for open streams."""
    endpoint = serving.stream(route) if route.streams else serving.endpoint(route)
    served = ServedRoute(route.path, endpoint, methods=[route.method], name=route.name)
    if route.streams:
        served.methods = {route.method}
    return served


def _description() -> ServedRoute:
    """The route of the OpenAPI document, which is encoded once."""
    described = encode(openapi.document(ROUTES, version("karma")))

    async def describe(_request: Request) -> Response:
        return Response(described, media_type=JSON, headers=dict(SECURE))

    return ServedRoute("/openapi.json", describe)


async def _still_there(request: Request) -> None:
    """UsageError where the caller has gone while its request waited: nothing is begun for nobody."""
    if await request.is_disconnected():
        raise UsageError("the caller hung up before its request was begun", next_step="send it again")


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _response(made: Outgoing) -> Response:
    response = Response(status_code=made.status)
    response.body, response.raw_headers = made.body, made.raw_headers
    return response


def _refused(error: KarmaError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Answer a request that the guard refuses."""
    made = problems.outgoing(error)
    return made.status, made.raw_headers, made.body


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer an error of the framework: an unknown path or method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    if error.status_code == 405:  # noqa: PLR2004
        return _response(problems.method_not_allowed(request.method[:20], _allowed(request)))
    return _response(problems.outgoing(problems.no_resource()))


def _allowed(request: Request) -> list[str]:
    """The methods of the path that was asked for, sorted."""
    template = getattr(request.scope.get("route"), "path", request.url.path)
    methods: set[str] = set()
    for route in request.app.routes:
        if getattr(route, "path", None) == template:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods)


async def _defect(_request: Request, _error: Exception) -> Response:
    """Answer a defect: the caller gets no details, the server's log gets the traceback."""
    error = KarmaError(
        "Karma failed", why="this is a defect", next_step="see the server's log", code="defect"
    )
    return _response(problems.outgoing(error))
