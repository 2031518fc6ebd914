"""Claims of tokens that issuers gave: which of them count."""

from __future__ import annotations

from karma_core.json_types import JsonMapping, JsonObject


def verified(claims: JsonMapping) -> JsonObject:
    """The claims of a token without its e-mail address, unless the issuer says that it was verified.

    Whoever signs up somewhere may say any address (OpenID Connect Core 1.0, 5.7).
    """
    said = claims.get("email_verified")
    is_verified = said is True or said == "true"
    return {name: value for name, value in claims.items() if name != "email" or is_verified}
