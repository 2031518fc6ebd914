"""What an issuer publishes: its configuration and its keys, fetched when they are needed and kept a while.

(OpenID Connect Discovery 1.0, section 4.) Only the issuer's own address is asked, and those that its
configuration names: nothing in a token says where to look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from karma_core import strictjson
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.json_types import JsonObject

SECONDS: Final = 5.0
"""How long an issuer is waited for. Ours: a caller waits meanwhile."""
MAX_BYTES: Final = 256 * 1024
"""Largest answer that is read. Ours: keys of the largest issuers have a few kilobytes."""
KEEP_SECONDS: Final = 3600.0
"""How long keys are kept. Ours: an issuer that withdraws one is believed within the hour."""
AGAIN_SECONDS: Final = 30.0
"""How long an issuer is not asked again, whatever keys tokens name. Ours: tokens are written by anybody."""


Connect = Callable[[], httpx.Client]
"""Makes a client for one request: issuers are asked so seldom that no connection is kept."""


class Issuer:
    """One issuer, by its address. Threads share it."""

    def __init__(
        self, issuer: str, *, connect: Connect, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.issuer = issuer
        self._connect = connect
        self._monotonic = monotonic
        self._lock = Lock()
        self._configuration: JsonObject = {}
        self._keys: KeySet | None = None
        self._asked_at = float("-inf")

    def keys(self, key_id: str | None) -> KeySet:
        """The issuer's keys, fetched again where they are old or have none with that id.

        StoreUnavailable `issuer` where there are none yet and the issuer does not answer.
        """
        with self._lock:
            now = self._monotonic()
            known = self._keys
            fresh = known is not None and now - self._asked_at < KEEP_SECONDS and _has(known, key_id)
            if not fresh and now - self._asked_at >= AGAIN_SECONDS:
                self._asked_at = now
                known = self._keys = self._fetch_keys(known)
        if known is None:
            raise self._unavailable("its keys could not be fetched a moment ago")
        return known

    def configuration(self) -> JsonObject:
        """The issuer's configuration; StoreUnavailable `issuer`."""
        if not self._configuration:
            document = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != self.issuer:
                raise self._unavailable("its configuration names another issuer")
            self._configuration = document
        return self._configuration

    def endpoint(self, name: str) -> str:
        """An address in the issuer's configuration; StoreUnavailable `issuer` where it has no safe one."""
        url = self.configuration().get(name)
        if not isinstance(url, str) or not is_safe(url):
            raise self._unavailable(f"its configuration has no {name} that begins with https://")
        return url

    def send(self, url: str, form: dict[str, str], auth: httpx.BasicAuth | None) -> JsonObject | None:
        """The answer to a form; None where the issuer refuses it. StoreUnavailable `issuer`."""
        return self._answer("POST", url, data=form, auth=auth)

    def _fetch_keys(self, known: KeySet | None) -> KeySet | None:
        """The keys as they are now; where they cannot be had, those that are known."""
        try:
            document = self._get(self.endpoint("jwks_uri"))
            return KeySet.import_key_set({"keys": [key for key in document["keys"] if _is_public(key)]})
        except (KarmaError, JoseError, KeyError, TypeError, ValueError):
            if known is None:
                self._configuration = {}
            return known

    def _get(self, url: str) -> JsonObject:
        document = self._answer("GET", url)
        if document is None:
            raise self._unavailable(f"{url} is refused")
        return document

    def _answer(self, method: str, url: str, **options: object) -> JsonObject | None:
        deadline = self._monotonic() + 2 * SECONDS  # a time-out of the client is one of each read
        try:
            with self._connect() as client, client.stream(method, url, **options) as answer:  # type: ignore[arg-type]
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise self._unavailable("its answer is too large")
                    if self._monotonic() > deadline:
                        raise self._unavailable("its answer takes too long")
        except httpx.HTTPError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self._unavailable(f"it answers {answer.status_code}")
        if answer.status_code != httpx.codes.OK:
            return None
        return strictjson.parse_object(body, where=f"the answer of {self.issuer}")

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the issuer {self.issuer} does not answer as it should",
            why=why,
            next_step="try again; where it lasts, compare [oidc] in karma.toml with what the issuer says",
            code="issuer",
        )


def make_client() -> httpx.Client:
    """A client for one request: no redirects, and an end to every wait."""
    return httpx.Client(timeout=SECONDS, follow_redirects=False, headers={"user-agent": "karma"})


def is_safe(url: str) -> bool:
    """Whether an address is asked: over TLS, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _has(keys: KeySet, key_id: str | None) -> bool:
    return key_id is None or any(key.kid == key_id for key in keys.keys)


def _is_public(key: JsonObject) -> bool:
    """Whether a key can verify and is meant to; a symmetric one in a public document is nobody's proof."""
    return key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig" and "d" not in key
