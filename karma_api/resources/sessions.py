"""Sessions of the pages: begun with a token or by an issuer, ended by whoever holds one.

A browser keeps a session, never the token. Those routes are open that somebody needs to sign in.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from karma_api.access import Caller, caller_of
from karma_api.exchange import Incoming
from karma_api.names import Id
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import WHOLE, Document
from karma_core.errors import NotFound, Refused
from karma_core.ids import shown
from karma_core.issuers import Issuers, Person, Returned
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.use_cases.access import sessions

Opaque = Annotated[str, Meta(min_length=1, max_length=4096, pattern=f"^[!-~]+{WHOLE}")]
"""A text that another one made: printable ASCII without blanks."""
Redirect = Annotated[str, Meta(max_length=1000, pattern=f"^https?://[!-~]+{WHOLE}")]


class SessionShown(Answered, kw_only=True):
    """A new session; its text is not shown again."""

    session: str
    user: str
    role: Role
    expires_at: str


class Ended(Answered, kw_only=True):
    """The session does not count any more."""

    ended: bool


class IssuersShown(Answered, kw_only=True):
    """The issuers by which people can sign in."""

    issuers: list[str]


class Begun(Answered, kw_only=True):
    """Where to send the browser, and what to keep until it is back."""

    url: str
    state: str
    nonce: str
    verifier: str


class SessionEnd(Document, frozen=True, kw_only=True):
    """The session's text."""

    session: Annotated[str, Meta(max_length=200)]


class EndAsked(Asked, frozen=True, kw_only=True):
    """Which session to end."""

    body: SessionEnd


class BeginDocument(Document, frozen=True, kw_only=True):
    """Where the issuer is to send the browser back to."""

    redirect_uri: Redirect


class BeginAsked(Asked, frozen=True, kw_only=True):
    """A sign-in that begins."""

    issuer: Id
    body: BeginDocument


class FinishDocument(Document, frozen=True, kw_only=True):
    """The code that the browser brought back, and what was kept."""

    code: Opaque
    redirect_uri: Redirect
    nonce: Opaque
    verifier: Opaque


class FinishAsked(Asked, frozen=True, kw_only=True):
    """A sign-in that ends."""

    issuer: Id
    body: FinishDocument


def begin(service: Service, caller: Caller, _asked: Asked) -> JsonObject:
    """A session for the caller; none for one who has only a session, which would never end."""
    if caller.by_session or not caller.proof:
        raise Refused(
            "a session begins with a token",
            why="the caller has a session only" if caller.by_session else "the caller has no token",
            next_step="send `Authorization: Bearer TOKEN`",
            code="no-session",
        )
    issued = caller.environments
    person = Person(
        user=caller.user,
        role=caller.role,
        proof=caller.proof,
        token_id=caller.token_id if caller.proof == "token" else "",
        environments=issued,
    )
    return _shown(service, caller, person)


def end(service: Service, _caller: Caller, asked: EndAsked) -> JsonObject:
    """End a session. Whoever has its text may."""
    sessions.end(service.workspace, asked.body.session)
    return {"ended": True}


def issuers(service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """Those that the settings name with a client."""
    return {"issuers": list(service.issuers.names()) if service.issuers is not None else []}


def begin_signing_in(service: Service, _caller: Caller, asked: BeginAsked) -> JsonObject:
    """The address of the issuer's page, made for this one sign-in."""
    return _known(service, asked.issuer).begin(asked.issuer, asked.body.redirect_uri)


def finish_signing_in(service: Service, caller: Caller, asked: FinishAsked) -> JsonObject:
    """A session for whom the issuer proves; Unauthenticated, which is logged, where it is nobody."""
    body = asked.body
    returned = Returned(
        code=body.code, redirect_uri=body.redirect_uri, nonce=body.nonce, verifier=body.verifier
    )
    person = _known(service, asked.issuer).finish(asked.issuer, service.name, returned)
    if person is None:
        why = f"{asked.issuer} proves nobody who has a role in {service.name}"
        raise service.access.turn_away(Incoming(client=caller.client), "issuer-finish", why)
    return _shown(service, caller_of(person), person)


def _shown(service: Service, caller: Caller, person: Person) -> JsonObject:
    session, text = sessions.begin(service.acting(caller), person)
    role = str(session.role)
    return {"session": text, "user": session.user, "role": role, "expires_at": session.expires_at}


def _known(service: Service, name: str) -> Issuers:
    """The issuers, where one of that name signs people in; NotFound."""
    if service.issuers is None or name not in service.issuers.names():
        raise NotFound(
            f"nobody signs in by {shown(name)!r} here",
            next_step="use one that GET /issuers lists, or a token",
        )
    return service.issuers


_TAG: Final = "access"
ROUTES: Final = (
    Route(
        name="session-begin",
        method="POST",
        path="/sessions",
        role=Role.VIEWER,
        handler=begin,
        summary="A session in place of the token that is sent, for a browser",
        tag=_TAG,
        answered=SessionShown,
        statuses=(409,),
    ),
    Route(
        name="session-end",
        method="POST",
        path="/sessions/end",
        role=None,
        handler=end,
        summary="End a session",
        tag=_TAG,
        asked=EndAsked,
        answered=Ended,
        statuses=(409,),
    ),
    Route(
        name="issuers",
        method="GET",
        path="/issuers",
        role=None,
        handler=issuers,
        summary="By whom people can sign in",
        tag=_TAG,
        answered=IssuersShown,
    ),
    Route(
        name="issuer-begin",
        method="POST",
        path="/issuers/{issuer}/begin",
        role=None,
        handler=begin_signing_in,
        summary="Begin to sign in by an issuer",
        tag=_TAG,
        asked=BeginAsked,
        answered=Begun,
    ),
    Route(
        name="issuer-finish",
        method="POST",
        path="/issuers/{issuer}/finish",
        role=None,
        handler=finish_signing_in,
        summary="A session for whom the issuer proves",
        tag=_TAG,
        asked=FinishAsked,
        answered=SessionShown,
        statuses=(401, 409),
    ),
)
