"""Dispatch of requests to handlers, the same in a server and in a serverless function.

Identify, admit, read, handle, render; every KarmaError on the way becomes a problem document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from functools import partial

from karma_api import problems
from karma_api.access import Caller
from karma_api.exchange import JSON, SECURE, Incoming, Outgoing, Reply, to_bytes
from karma_api.reading import ENVIRONMENT, read
from karma_api.route import Asked, Route
from karma_api.service import Service, Services
from karma_core.deadlines import Deadline, ends_within
from karma_core.errors import BadInput, KarmaError, StoreUnavailable
from karma_core.roles import Role

MAX_KEY_BYTES = 4096
"""Largest body of a question whose answer is kept."""
REVALIDATE = "private, no-cache"
"""Clients keep an answer and ask with its ETag whether it still holds."""


def answer(services: Services, route: Route, incoming: Incoming) -> Outgoing:
    """The answer, whatever happens short of a defect. Blocks while stores are asked."""
    try:
        if route.within is not None:
            return _answer_within(services, route, incoming, route.within)
        return _answer(services, route, incoming)
    except KarmaError as error:
        return problems.outgoing(error)


def answer_at_once(services: Services, route: Route, incoming: Incoming) -> Outgoing | None:
    """Return the answer of a `cached` route if no store has to be read, else None."""
    service = services.opened(environment_of(incoming))
    if service is None:
        return None
    try:
        caller = service.access.remembered(incoming.headers)
        view = service.graph.at_once()
        kept: Outgoing | None = view.answered(_key(route, incoming)) if view is not None else None
        if caller is None or kept is None:
            return None
        service.access.admit(caller, route.name, route.role)
    except KarmaError as error:
        return problems.outgoing(error)
    return _if_changed(route, incoming, kept)


def user_of(services: Services, incoming: Incoming) -> str:
    """Return the user of an answered request; empty if nobody was recognised."""
    service = services.opened(environment_of(incoming))
    return service.access.user_of(incoming.headers) if service is not None else ""


def caller_key(services: Services, incoming: Incoming) -> str:
    """The name under which a request is counted before its caller is identified; asks no store.

    That of the token where it was recognised before, else the address: who invents tokens gets no more.
    """
    service = services.opened(environment_of(incoming))
    known = service.access.key_of(incoming.headers) if service is not None else ""
    return known or f"address:{incoming.client}"


def identified(services: Services, route: Route, incoming: Incoming) -> tuple[Service, Caller]:
    """The environment that is meant and who calls; raises where they may not."""
    named = environment_of(incoming)
    service = services.of(named) if named is not None or route.role is not None else services.first()
    if route.role is None:
        caller = Caller(user="anonymous", role=Role.VIEWER, client=incoming.client)
    else:
        caller = service.access.identify(incoming, route.name, route.role)
    service.access.admit(caller, route.name, route.role)
    return service, caller


def environment_of(incoming: Incoming) -> str | None:
    """The environment that the query names."""
    return next((value for name, value in incoming.query if name == ENVIRONMENT), None)


def too_large(limit: int) -> BadInput:
    """Return the error for a body beyond the limit."""
    return BadInput(
        "the body is too large",
        why=f"it has more than {limit:,} bytes",
        next_step="send less at once",
        code="too-large",
    )


def _answer_within(services: Services, route: Route, incoming: Incoming, seconds: float) -> Outgoing:
    """The answer to everybody who asks this just now; StoreUnavailable where it takes longer."""
    with ends_within(seconds):
        called = services.probes.start(
            (route.name, *incoming.query), partial(_answer, services, route, incoming)
        )
        try:
            return called.result(Deadline.after(seconds).left())
        except TimeoutError as error:
            raise StoreUnavailable(
                "the environment does not answer",
                why=f"it could not be opened within {seconds:g} s",
                next_step="see which store is down: `karma doctor`",
            ) from error


def _answer(services: Services, route: Route, incoming: Incoming) -> Outgoing:
    if route.without_environment is not None and environment_of(incoming) is None:
        read(route, incoming)
        return _render(route, Reply(document=route.without_environment, status=route.status))
    service, caller = identified(services, route, incoming)
    if len(incoming.body) > service.limits.body_bytes:
        raise too_large(service.limits.body_bytes)
    asked = incoming if route.own_body else read(route, incoming)
    if route.cached:
        return _if_changed(route, incoming, _cached(service, caller, route, incoming, asked))
    made = _render(route, _handled(service, caller, route, asked))
    if route.method != "GET":
        service.graph.moved()
    return _if_changed(route, incoming, made)


def _cached(
    service: Service, caller: Caller, route: Route, incoming: Incoming, asked: Asked | Incoming
) -> Outgoing:
    """The answer that is kept with the current build, else a new one, which is made once for all who wait."""
    key = _key(route, incoming)
    view = service.graph.view()
    with view.being_made(key):
        kept: Outgoing | None = view.answered(key)
        if kept is not None:
            return kept
        return _make(service, caller, route, key, asked)


def _make(service: Service, caller: Caller, route: Route, key: Hashable, asked: Asked | Incoming) -> Outgoing:
    """A new answer, kept with the build that it follows from."""
    reply = _handled(service, caller, route, asked)
    made = _render(route, reply)
    if reply.view is not None:
        reply.view.remember(key, made, partial(_make, service, caller, route, key, asked))
    return made


def _handled(service: Service, caller: Caller, route: Route, asked: Asked | Incoming) -> Reply:
    answer = route.handler(service, caller, asked)
    return answer if isinstance(answer, Reply) else Reply(document=answer, status=route.status)


def _render(route: Route, reply: Reply) -> Outgoing:
    body = to_bytes(reply.document)
    headers = {**SECURE, "content-type": reply.media_type, "cache-control": "no-store", **reply.headers}
    if route.method == "GET" and route.role is not None and reply.media_type == JSON:
        headers["cache-control"] = REVALIDATE
        headers["etag"] = reply.view.etag if reply.view is not None else _digest(body)
    return Outgoing(status=reply.status, body=body, headers=headers)


def _digest(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _if_changed(route: Route, incoming: Incoming, made: Outgoing) -> Outgoing:
    """The answer, or 304 where the caller has it already (RFC 9110, 13.1.2: weak comparison, or `*`)."""
    etag, wanted = made.headers.get("etag"), incoming.headers.get("if-none-match")
    if route.method != "GET" or etag is None or wanted is None or made.status != 200:  # noqa: PLR2004
        return made
    held = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
    if etag not in held and "*" not in held:
        return made
    kept = {name: value for name, value in made.headers.items() if name != "content-type"}
    return Outgoing(status=304, headers=kept)


def _key(route: Route, incoming: Incoming) -> Hashable:
    """Return the cache key of a route's answer, beside the build."""
    if len(incoming.body) > MAX_KEY_BYTES:
        return object()  # never found again
    return (route.name, tuple(sorted(incoming.path.items())), tuple(sorted(incoming.query)), incoming.body)
