"""An issuer of OIDC tokens in this process: discovery, keys, the page where people sign in, and tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.http_server import HttpServer

CLIENT = "karma-pages"
CLIENT_SECRET = "a secret of the client"


def connect() -> httpx.Client:
    """A client for one request, past any proxy."""
    return httpx.Client(timeout=5, trust_env=False)


class LocalIssuer:
    """Issues tokens for anybody; `claims` are those of whoever signs in on its page next. Close it.

    `asked` are the paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "ann@example.org", "email_verified": True}
        self.asked: list[str] = []
        self.is_down = False
        self.document: dict[str, Any] = {}
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._configuration),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        self.server = HttpServer(Starlette(routes=routes))
        self.url = self.server.url

    def settings(self, **more: Any) -> dict[str, Any]:
        """The section of the settings that names it."""
        rules = [
            {"claims": {"groups": "platform"}, "role": "admin"},
            {"claims": {"groups": "readers"}, "role": "viewer"},
            {"claims": {"repository": "acme/infra", "ref": "refs/heads/main"}, "role": "operator"},
        ]
        client = {"client_id": CLIENT, "client_secret": CLIENT_SECRET}
        return {"issuer": self.url, "audience": ["karma"], "rules": rules, **client, **more}

    def token(self, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with these claims over the usual ones; None leaves one out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": "karma", "sub": "u-1", "iat": now, "exp": now + 300}
        body = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        used = key or self.key
        algorithm = "ES256" if isinstance(used, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": used.kid, **(header or {})}, body, used)

    def rotate(self) -> None:
        """Sign with another key from now on, and publish that one alone."""
        self.key = ECKey.generate_key("P-256", {"kid": "k2", "use": "sig"})

    def close(self) -> None:
        """Stop the server."""
        self.server.close()

    async def _configuration(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.is_down:
            return Response(status_code=503)
        places = {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return JSONResponse({"issuer": self.url, **places, **self.document})

    async def _keys(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.is_down:
            return Response(status_code=503)
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """The page of the issuer, on which somebody has signed in already."""
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        """The token for a code, once, for the client that proves itself and began the sign-in."""
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        client = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        proven = request.headers.get("authorization") == f"Basic {client}"
        if (
            begun is None
            or not proven
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = self.token(**{"aud": CLIENT, "nonce": begun["nonce"], **self.claims})
        return JSONResponse({"id_token": token, "access_token": "x", "token_type": "Bearer"})
