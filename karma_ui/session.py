"""Sessions: the API token in an http-only cookie of one environment, and the seal of every form.

Nothing is kept on the server. Cookies are `SameSite=Strict`, so that no other site can send them along; the
seal, a keyed digest of a random cookie and the session (OWASP: Cross-Site Request Forgery Prevention, HMAC
based token), holds where a browser does not heed that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

SESSION: Final = "karma_session"
SEAL: Final = "karma_seal"
SEAL_FIELD: Final = "seal"
SEAL_HEADER: Final = "x-karma-seal"
SESSION_SECONDS: Final = 12 * 3600
"""A working day; the token itself may end earlier."""
MOST_TOKEN: Final = 200
"""Longest token, in characters. Ours: one that Karma makes has about 70."""


def token_of(request: Request) -> str:
    """The API token of the session; empty where nobody is signed in."""
    return request.cookies.get(SESSION, "")


def nonce_of(request: Request) -> str:
    """The random value that seals forms, made where the browser has none yet; kept for this request."""
    known = request.cookies.get(SEAL) or getattr(request.state, "seal", "")
    if not known:
        known = request.state.seal = secrets.token_urlsafe(32)
    return known


def seal(request: Request) -> str:
    """Return the seal that a form of this session must carry."""
    return hmac.new(nonce_of(request).encode(), token_of(request).encode(), hashlib.sha256).hexdigest()


def sealed(request: Request, given: str) -> bool:
    """Whether a form comes from a page of this session. A browser without the nonce has no such page."""
    return hmac.compare_digest(seal(request).encode(), given.encode())


def begin(request: Request, response: Response, token: str, path: str) -> None:
    """Sign in: the cookie goes to the environment's pages only."""
    _keep(request, response, SESSION, token, path)


def end(request: Request, response: Response, path: str) -> None:
    """Sign out."""
    secure = request.url.scheme == "https"
    response.delete_cookie(SESSION, path=path, httponly=True, samesite="strict", secure=secure)


def remember_nonce(request: Request, response: Response) -> None:
    """Give a new browser its nonce."""
    made = getattr(request.state, "seal", "")
    if made:
        _keep(request, response, SEAL, made, str(request.scope["root_path"]) or "/")


def acceptable(token: str) -> bool:
    """Whether a text may be a token at all: what cannot stand in a header or a cookie is none."""
    return 0 < len(token) <= MOST_TOKEN and all(c.isalnum() or c in "._-" for c in token) and token.isascii()


def _keep(request: Request, response: Response, name: str, value: str, path: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=SESSION_SECONDS,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
