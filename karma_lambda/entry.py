"""A function's handler: events in, answers out, services kept as long as the container lives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Lock
from typing import Final, cast

import boto3  # noqa: F401 - loaded while the container starts, not in the first request
from aws_lambda_powertools import Logger

from karma_adapters.web.same_origin import OwnNames
from karma_api import problems
from karma_api.dispatch import answer, environment_of
from karma_api.exchange import Outgoing
from karma_api.route import Route
from karma_api.service import Services
from karma_core.deadlines import ends_within
from karma_core.errors import KarmaError
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.workspace import OpenEnvironment
from karma_lambda import loading
from karma_lambda.counting import count
from karma_lambda.gateway import Request, read_event, response
from karma_lambda.large import Linked, placed
from karma_lambda.opening import MakeHooks, MakeStarter, open_services
from karma_lambda.settings import FunctionSettings, read_function

Handler = Callable[[JsonMapping, object], JsonObject]
SERVER_ERRORS: Final = 500
ANSWER_SECONDS: Final = 1.0
"""What of a function's time is kept for saying that there was too little. Ours."""
READY: Final = "readyz"
"""The route by which readiness is asked for."""
_OK: Final = 200


def serve(
    routes: Iterable[Route],
    *,
    make_starter: MakeStarter | None = None,
    make_hooks: MakeHooks | None = None,
    after_ready: Callable[[OpenEnvironment], None] | None = None,
    read: Callable[[], FunctionSettings] = read_function,
    open_all: Callable[[FunctionSettings], Services] | None = None,
) -> Handler:
    """The handler of these routes. Settings are read and stores opened by the first event.

    It is made once all that the routes need is loaded. `after_ready` is called when readiness was asked for.
    """
    loading.finish()
    opened = open_all or partial(open_services, make_starter=make_starter, make_hooks=make_hooks)
    function = _Function(
        {f"{route.method} {route.path}": route for route in routes}, read, opened, after_ready
    )

    def handler(event: JsonMapping, context: object) -> JsonObject:
        return function.handle(event, context)

    return handler


class _Function:
    """One container's function."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        read: Callable[[], FunctionSettings],
        open_all: Callable[[FunctionSettings], Services],
        after_ready: Callable[[OpenEnvironment], None] | None,
    ) -> None:
        self._routes = routes
        self._read = read
        self._open_all = open_all
        self._after_ready = after_ready
        self._lock = Lock()
        self._held: tuple[FunctionSettings, Services] | None = None
        self._logger = Logger(service="karma")
        self._cold = True

    def handle(self, event: JsonMapping, context: object) -> JsonObject:
        """The answer to an event, whatever happens short of a defect."""
        name = ""
        try:
            settings, services = self._opened()
            request = read_event(event, settings.authorizer)
            route = self._route(request)
            name = route.name
            _refuse_foreign_pages(route, request)
            with ends_within(_left(context)):
                made = answer(services, route, request.incoming)
                if name == READY and self._after_ready is not None:
                    self._after_ready(services.of(environment_of(request.incoming)).workspace)
            made = _fitting(settings, services, request, made)
        except KarmaError as error:
            made = problems.outgoing(error)
        self._tell(name, made, context)
        return response(made)

    def _opened(self) -> tuple[FunctionSettings, Services]:
        with self._lock:
            if self._held is None:
                settings = self._read()
                self._held = settings, self._open_all(settings)
            return self._held

    def _route(self, request: Request) -> Route:
        try:
            return self._routes[request.route]
        except KeyError:
            raise problems.no_resource() from None

    def _tell(self, name: str, made: Outgoing, context: object) -> None:
        """Count the answer, and log those that are our fault; bodies and headers stay out of the log."""
        count(name or "none", made.status, self._cold)
        self._cold = False
        if made.status >= SERVER_ERRORS:
            request_id = getattr(context, "aws_request_id", "")
            self._logger.error("failed", route=name, status=made.status, request_id=request_id)


def _refuse_foreign_pages(route: Route, request: Request) -> None:
    """Refuse what another site's page asks for without a token; the gateway answers under its own names only.

    A page cannot add the header of a token to a request that the gateway has not allowed its site (CORS).
    """
    headers = request.incoming.headers
    if route.role is None or headers.get("authorization"):
        return
    pairs = [
        (name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in headers.items()
    ]
    refused = OwnNames().refusal_of_page(route.method, pairs)
    if refused is not None:
        raise refused


def _left(context: object) -> float:
    """Seconds in which the function has to have its answer: before its platform ends it."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return max(0.0, remaining() / 1000 - ANSWER_SECONDS) if remaining is not None else math.inf


def _fitting(settings: FunctionSettings, services: Services, request: Request, made: Outgoing) -> Outgoing:
    """The answer, or where to fetch one that is too large for a response."""
    if len(made.body) <= settings.answer_bytes or made.status != _OK:
        return made
    service = services.of(environment_of(request.incoming))
    return placed(cast("Linked", service.workspace.artifacts), service.name, made)
