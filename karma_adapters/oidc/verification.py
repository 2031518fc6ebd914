"""Verification of tokens: signature, issuer, audience and times, by joserfc."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from karma_adapters.oidc.discovery import Issuer
from karma_core.json_types import JsonObject

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that count: with public keys alone, so that nobody who can verify can sign (RFC 8725, 3.1)."""
MAX_TOKEN: Final = 16 * 1024
"""Longest token that is looked at, in characters. Ours: issuers' have 1 to 4 KB."""
LEEWAY_SECONDS: Final = 60
"""How far clocks may be apart. Ours."""
_PARTS: Final = 3


def verified_claims(
    text: str, issuer: Issuer, audiences: Sequence[str], clock: Callable[[], float]
) -> JsonObject | None:
    """The claims of a token of this issuer, for one of the audiences, that counts now; None for any other.

    StoreUnavailable `issuer` where the issuer's keys are not known and cannot be had.
    """
    if not audiences or not looks_issued(text) or _unverified(text, 1).get("iss") != issuer.issuer:
        return None
    head = _unverified(text, 0)
    if head.get("alg") not in ALGORITHMS:
        return None
    key_id = head.get("kid")
    keys = issuer.keys(key_id if isinstance(key_id, str) else None)
    try:
        token = jwt.decode(text, keys, algorithms=list(ALGORITHMS))
        _registry(issuer.issuer, audiences, clock).validate(token.claims)
    except (JoseError, ValueError, TypeError):
        return None
    return dict(token.claims)


def looks_issued(text: str) -> bool:
    """Whether a text has the form of a signed token: three parts, of a length that is looked at."""
    return (
        len(text) <= MAX_TOKEN and text.count(".") == _PARTS - 1 and text.startswith("ey") and text.isascii()
    )


def _registry(issuer: str, audiences: Sequence[str], clock: Callable[[], float]) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=lambda: int(clock()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "values": list(audiences)},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def _unverified(text: str, part: int) -> JsonObject:
    """What a part of a token says, true or not: for choosing the issuer and the key."""
    piece = text.split(".")[part]
    try:
        body = msgspec.json.decode(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    except (ValueError, msgspec.MsgspecError):
        return {}
    return body if isinstance(body, dict) else {}
