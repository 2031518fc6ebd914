"""Sessions: an http-only cookie that stands for the token, and the seal of every form.

The API begins a session, knows it by its hash and ends it; the token is kept nowhere. Over TLS cookies have
the prefix `__Host-`: no other name and no page without TLS can set one (RFC 6265bis, 4.1.3.2). Cookies are
`SameSite=Strict`, so that no other site can send them along; the seal, a keyed digest of a random cookie and
the session (OWASP: Cross-Site Request Forgery Prevention, HMAC based token), holds where a browser does not
heed that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

SESSION: Final = "karma_session"
SEAL: Final = "karma_seal"
SIGN_IN: Final = "karma_signin"
SEAL_FIELD: Final = "seal"
SEAL_HEADER: Final = "x-karma-seal"
HOST: Final = "__Host-"
SESSION_SECONDS: Final = 12 * 3600
"""A working day, as the API's sessions; the session itself may end earlier."""
SIGN_IN_SECONDS: Final = 600
"""How long somebody may take on an issuer's page. Ours."""
MOST_TOKEN: Final = 200
"""Longest token, in characters. Ours: one that Karma makes has about 70."""
TEXT: Final = re.compile(r"karmas_[A-Za-z0-9-]{1,64}\.[A-Za-z0-9_-]{43}\Z")
"""The form of the API's sessions. A token in the cookie is none."""


@dataclass(frozen=True, kw_only=True)
class Cookies:
    """The cookies of one request to an environment's pages. `secure`: the browser came over TLS.

    `root` is the path of the environment's pages, `top` that of all pages.
    """

    request: Request
    environment: str
    root: str
    top: str
    secure: bool

    def session(self) -> str:
        """The session; empty where nobody is signed in."""
        text = self.request.cookies.get(self._own(SESSION), "")
        return text if TEXT.match(text) else ""

    def nonce(self) -> str:
        """The random value that seals forms, made where the browser has none yet; kept for this request."""
        known = self.request.cookies.get(self._name(SEAL)) or getattr(self.request.state, "seal", "")
        if not known:
            known = self.request.state.seal = secrets.token_urlsafe(32)
        return known

    def seal(self) -> str:
        """Return the seal that a form of this session must carry."""
        return hmac.new(self.nonce().encode(), self.session().encode(), hashlib.sha256).hexdigest()

    def sealed(self, given: str) -> bool:
        """Whether a form comes from a page of this session; a browser without the nonce has no such page."""
        return hmac.compare_digest(self.seal().encode(), given.encode())

    def begin(self, response: Response, session: str) -> None:
        """Sign in: without TLS the cookie goes to the environment's pages only."""
        self._keep(response, self._own(SESSION), session, self.root)

    def end(self, response: Response) -> None:
        """Sign out."""
        self._drop(response, self._own(SESSION))

    def remember_nonce(self, response: Response) -> None:
        """Give a new browser its nonce."""
        made = getattr(self.request.state, "seal", "")
        if made:
            self._keep(response, self._name(SEAL), made, self.top)

    def keep_sign_in(self, response: Response, facts: dict[str, str]) -> None:
        """Keep what a sign-in by an issuer began with; another site sends the browser back, so `lax`."""
        text = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()
        self._keep(response, self._own(SIGN_IN), text, self.root, SIGN_IN_SECONDS, "lax")

    def sign_in(self) -> dict[str, str]:
        """What `keep_sign_in` kept; empty where nothing was, or something else."""
        try:
            facts = json.loads(base64.urlsafe_b64decode(self.request.cookies.get(self._own(SIGN_IN), "")))
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in facts.items()} if isinstance(facts, dict) else {}

    def forget_sign_in(self, response: Response) -> None:
        """The sign-in has come to its end, whichever."""
        self._drop(response, self._own(SIGN_IN))

    def _name(self, name: str) -> str:
        return f"{HOST}{name}" if self.secure else name

    def _own(self, name: str) -> str:
        """The name of a cookie of the environment: with the prefix, a path cannot tell environments apart."""
        return f"{HOST}{name}_{self.environment}" if self.secure else name

    def _keep(
        self,
        response: Response,
        name: str,
        value: str,
        path: str,
        seconds: int = SESSION_SECONDS,
        same_site: Literal["strict", "lax"] = "strict",
    ) -> None:
        path = "/" if self.secure else path
        response.set_cookie(
            name, value, max_age=seconds, path=path, secure=self.secure, httponly=True, samesite=same_site
        )

    def _drop(self, response: Response, name: str) -> None:
        path = "/" if self.secure else self.root
        response.delete_cookie(name, path=path, secure=self.secure, httponly=True, samesite="strict")


def acceptable(token: str) -> bool:
    """Whether a text may be a token at all: what cannot stand in a header or a cookie is none."""
    return 0 < len(token) <= MOST_TOKEN and all(c.isalnum() or c in "._-" for c in token) and token.isascii()
