"""`karma_core.issuers.Issuers`: the issuers of the settings, asked over HTTP.

People sign in to the pages by the authorization code flow with PKCE, state and nonce (OpenID Connect
Core 1.0, section 3.1; RFC 7636; RFC 9700): the browser sees a code, the token goes to Karma alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import httpx

from karma_adapters.oidc.discovery import Connect, Issuer, make_client
from karma_adapters.oidc.verification import looks_issued, verified_claims
from karma_adapters.wiring.settings import IssuerSettings
from karma_core.issuers import IssuerRules, Person, Returned, Rule, person_of
from karma_core.json_types import JsonObject
from karma_core.roles import Role

RANDOM_BYTES: Final = 32


@dataclass(frozen=True, kw_only=True)
class _Named:
    """An issuer with what the settings say of it."""

    settings: IssuerSettings
    rules: IssuerRules
    issuer: Issuer


class OidcIssuers:
    """The issuers of `[oidc]`, by name. `clock` gives seconds since 1970."""

    def __init__(
        self,
        settings: Mapping[str, IssuerSettings],
        environments: tuple[str, ...],
        *,
        connect: Connect = make_client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environments = environments
        self._clock = clock
        by_address = {one.issuer: Issuer(one.issuer, connect=connect) for one in settings.values()}
        self._named = {
            name: _Named(settings=one, rules=rules_of(name, one), issuer=by_address[one.issuer])
            for name, one in sorted(settings.items())
        }

    def person(self, text: str, environment: str) -> Person | None:
        """Whom a token proves, by the first issuer whose rules give it a role in the environment."""
        if not looks_issued(text):
            return None
        for named in self._named.values():
            claims = verified_claims(text, named.issuer, named.settings.audience, self._clock)
            person = self._person(claims, named, environment)
            if person is not None:
                return person
        return None

    def names(self) -> tuple[str, ...]:
        """Those with a client."""
        return tuple(name for name, named in self._named.items() if named.settings.client_id)

    def begin(self, name: str, redirect_uri: str) -> JsonObject:
        """The address of the issuer's page for one sign-in."""
        named = self._named[name]
        kept = {part: secrets.token_urlsafe(RANDOM_BYTES) for part in ("state", "nonce", "verifier")}
        digest = hashlib.sha256(kept["verifier"].encode()).digest()
        query = {
            "response_type": "code",
            "client_id": named.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": named.settings.scopes,
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        page = named.issuer.endpoint("authorization_endpoint")
        return {"url": f"{page}{'&' if '?' in page else '?'}{urlencode(query)}", **kept}

    def finish(self, name: str, environment: str, returned: Returned) -> Person | None:
        """Change the code for a token, and say whom it proves: for this client, and this sign-in alone."""
        named = self._named[name]
        token = self._token(named, returned)
        if token is None:
            return None
        client_id = named.settings.client_id
        claims = verified_claims(token, named.issuer, [client_id], self._clock)
        if claims is None or claims.get("azp", client_id) != client_id:
            return None
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), returned.nonce.encode()):
            return None
        return self._person(claims, named, environment)

    def _token(self, named: _Named, returned: Returned) -> str | None:
        """The ID token for a code; None where the issuer gives none."""
        form = {
            "grant_type": "authorization_code",
            "code": returned.code,
            "redirect_uri": returned.redirect_uri,
            "code_verifier": returned.verifier,
            "client_id": named.settings.client_id,
        }
        secret = named.settings.client_secret.reveal()
        auth = httpx.BasicAuth(named.settings.client_id, secret) if secret else None
        answer = named.issuer.send(named.issuer.endpoint("token_endpoint"), form, auth) or {}
        token = answer.get("id_token")
        return token if isinstance(token, str) else None

    def _person(self, claims: JsonObject | None, named: _Named, environment: str) -> Person | None:
        if claims is None:
            return None
        return person_of(claims, named.rules, environment, self._environments)


def rules_of(name: str, settings: IssuerSettings) -> IssuerRules:
    """How the claims of an issuer are read, as the settings say."""
    return IssuerRules(
        name=name,
        user_claim=settings.user_claim,
        email_is_verified=settings.email_is_verified,
        separators=settings.separators,
        rules=tuple(
            Rule(claims=rule.claims, role=Role(rule.role), environments=tuple(rule.environments))
            for rule in settings.rules
        ),
    )
