"""Signing in, by an API token or on an issuer's page, and out."""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from karma_core.errors import KarmaError
from karma_core.json_types import JsonValue
from karma_ui import session
from karma_ui.api import UNAUTHENTICATED, Api, Problem
from karma_ui.visit import SEE_OTHER, Visit

_KEPT: Final = ("state", "nonce", "verifier")


async def show(visit: Visit) -> Response:
    """The form, and the issuers on whose pages people sign in."""
    return await _form(visit, within(visit.query.get("then", "")))


async def begin(visit: Visit) -> Response:
    """Begin a session with a token that the API knows; the token is kept nowhere."""
    token, then = visit.form.get("token", "").strip(), within(visit.form.get("then", ""))
    try:
        if not session.acceptable(token):
            raise _nobody("this is no token")
        api = Api(visit.context.api, environment=visit.environment, token=token, client=visit.client)
        begun = await api.post("/sessions")
    except KarmaError as error:
        return await _form(visit, then, error)
    response = visit.go(then)
    visit.cookies.begin(response, begun["session"])
    return response


async def to_issuer(visit: Visit) -> Response:
    """Send the browser to an issuer's page."""
    name = visit.path("issuer")
    begun = await visit.api.post(f"/issuers/{name}/begin", {"redirect_uri": _callback(visit, name)})
    response = RedirectResponse(begun["url"], SEE_OTHER)
    kept = {part: str(begun[part]) for part in _KEPT}
    then = within(visit.query.get("then", ""))
    visit.cookies.keep_sign_in(response, {**kept, "issuer": name, "then": then})
    return response


async def from_issuer(visit: Visit) -> Response:
    """Begin a session for whom the issuer proves.

    The answer is a page that goes on by itself: a browser that another site sent here does not send the new
    cookie along with a redirect, since that is `SameSite=Strict`.
    """
    kept, name = visit.cookies.sign_in(), visit.path("issuer")
    then = within(kept.get("then", ""))
    try:
        begun = await _finished(visit, name, kept)
    except KarmaError as error:
        response = await _form(visit, then, error)
    else:
        response = visit.page("signed_in.html", then=then)
        visit.cookies.begin(response, begun["session"])
    visit.cookies.forget_sign_in(response)
    return response


async def _finished(visit: Visit, name: str, kept: dict[str, str]) -> JsonValue:
    """The session that the API begins; Problem where the browser brings what this one did not ask for."""
    code, state = visit.query.get("code", ""), visit.query.get("state", "")
    same = kept.get("issuer") == name and hmac.compare_digest(kept.get("state", "").encode(), state.encode())
    if not code or not state or not same:
        raise _nobody("the issuer did not sign you in, or another page of this browser began to since")
    body = {
        "code": code,
        "redirect_uri": _callback(visit, name),
        "nonce": kept.get("nonce", ""),
        "verifier": kept.get("verifier", ""),
    }
    return await visit.api.post(f"/issuers/{name}/finish", body)


async def end(visit: Visit) -> Response:
    """End the session, here and at the API."""
    response = visit.go("/signin")
    await visit.api.post("/sessions/end", {"session": visit.cookies.session()})
    visit.cookies.end(response)
    return response


def within(path: str) -> str:
    """A path below the environment's pages; the graph where it is none, so that nobody is led elsewhere."""
    parts = urlsplit(path)
    right = path.startswith("/") and "\\" not in path
    clean = path.isascii() and path.isprintable() and ".." not in parts.path
    return path if right and clean and not parts.scheme and not parts.netloc else "/graph"


async def _form(visit: Visit, then: str, error: KarmaError | None = None) -> Response:
    status = 200 if error is None else getattr(error, "status", UNAUTHENTICATED)
    try:
        issuers = (await visit.anonymous.get("/issuers"))["issuers"]
    except KarmaError:
        issuers = []
    return visit.page("signin.html", status, then=then, error=error, issuers=issuers)


def _callback(visit: Visit, issuer: str) -> str:
    """Where the issuer sends the browser back to; it knows the address."""
    return f"{visit.origin}{visit.root}/signin/{issuer}/callback"


def _nobody(why: str) -> Problem:
    return Problem(UNAUTHENTICATED, {"message": why, "code": "unauthenticated"})
