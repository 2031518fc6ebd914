"""Callers that API Gateway authenticated: the claims of its authorizers, mapped to roles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from karma_api.access import Access, Caller
from karma_api.exchange import Incoming
from karma_core.claims import verified
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.roles import Role
from karma_lambda.settings import Authorizer

SOURCE: Final = "lambda"
"""The entry point, as the log names it."""
GATEWAY: Final = "gateway:"
"""Begins the token ids of callers that an authorizer named; no token of Karma's can begin so."""
MAX_USER: Final = 200
_ASSUMED: Final = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.+\Z")


@dataclass(frozen=True, kw_only=True)
class Recognised(Incoming):
    """A request whose caller API Gateway vouches for. Made from its event alone, never from headers."""

    caller: Caller | None = None


class GatewayAccess(Access):
    """Access control behind API Gateway: its authorizers' callers, otherwise Karma's own tokens."""

    def identify(self, incoming: Incoming, what: str, needed: Role | None) -> Caller:
        """Return the caller that the authorizer named, or else the token's owner; Unauthenticated."""
        if isinstance(incoming, Recognised) and incoming.caller is not None:
            return incoming.caller
        return replace(super().identify(incoming, what, needed), source=SOURCE)

    def _vouched(self, caller: Caller) -> bool:
        """An authorizer's caller has its role in every environment of the function."""
        return caller.token_id.startswith(GATEWAY)


def caller_of(authorizer: JsonMapping, rules: Authorizer, client: str) -> Caller | None:
    """The caller of an event's `authorizer` block; None where no rule gives it a role.

    Blocks: HTTP API `jwt.claims` and `iam`, REST API `claims` and, from the event's identity, `userArn`.
    """
    claims = (authorizer.get("jwt") or {}).get("claims") or authorizer.get("claims")
    if claims:
        claims = claims if rules.email_is_verified else verified(claims)
        values = _values(claims.get(rules.role_claim), rules.role_separator)
        user = claims.get(rules.user_claim) or claims.get("sub")
        return _caller(user, _highest(rules.roles.get(value) for value in values), client, "oidc")
    arn = (authorizer.get("iam") or authorizer).get("userArn")
    if arn:
        return _caller(
            arn, _highest(rules.iam_roles.get(name) for name in (arn, _role_arn(arn))), client, "aws"
        )
    return None


def _caller(user: JsonValue, role: Role | None, client: str, proof: str) -> Caller | None:
    name = str(user or "")
    if role is None or not name or len(name) > MAX_USER or not name.isprintable():
        return None
    return Caller(
        user=name, role=role, client=client, token_id=f"{GATEWAY}{name}", source=SOURCE, proof=proof
    )


def _values(claim: JsonValue, separator: str) -> list[str]:
    """The values of a claim: a list's, or those of a text that is known to be separated so.

    HTTP APIs write a list as `[a b]`, REST APIs as `a,b`. A text is never split on its own account: a group
    may be called `viewers karma-admins`.
    """
    if isinstance(claim, list | tuple):
        return [str(value) for value in claim]
    text = str(claim or "")
    if not separator:
        return [text] if text else []
    if separator == " " and text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return [value for value in text.split(separator) if value]


def _role_arn(arn: str) -> str:
    """The role behind an assumed session's ARN (IAM User Guide, "IAM identifiers"), without its path."""
    match = _ASSUMED.match(arn)
    return f"arn:{match[1]}:iam::{match[2]}:role/{match[3]}" if match else ""


def _highest(roles: Iterable[Role | None]) -> Role | None:
    known = [role for role in roles if role is not None]
    order = list(Role)
    return max(known, key=order.index, default=None)
