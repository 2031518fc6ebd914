"""The caller, and the environment's tokens. Tokens are created by the command line, not over the network."""

from __future__ import annotations

from karma_api.access import Caller
from karma_api.names import Id
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import revoke, tokens


class WhoShown(Answered, kw_only=True):
    """The caller, as the log will name it."""

    user: str
    role: Role
    environment: str


class TokensShown(Answered, kw_only=True):
    """Every token that was made, without its text."""

    tokens: list[JsonObject]


class TokenAsked(Asked, frozen=True, kw_only=True):
    """One token."""

    token_id: Id


class TokenShown(Answered, kw_only=True):
    """A token without its text."""

    id: str
    user: str
    role: Role
    revoked_at: str


def who(service: Service, caller: Caller, _asked: Asked) -> JsonObject:
    """Return the caller that the token names."""
    return {"user": caller.user, "role": str(caller.role), "environment": service.name}


def list_tokens(service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """Tokens of the environment."""
    return {"tokens": [token.document() for token in tokens(service.workspace)]}


def end(service: Service, caller: Caller, asked: TokenAsked) -> JsonObject:
    """Revoke a token."""
    return revoke(service.acting(caller), asked.token_id).document()


ROUTES = (
    Route(
        name="whoami",
        method="GET",
        path="/whoami",
        role=Role.VIEWER,
        handler=who,
        summary="Who calls, with which role",
        tag="access",
        answered=WhoShown,
    ),
    Route(
        name="tokens",
        method="GET",
        path="/tokens",
        role=Role.ADMIN,
        handler=list_tokens,
        summary="Tokens of the environment, without their texts",
        tag="access",
        answered=TokensShown,
    ),
    Route(
        name="token-revoke",
        method="POST",
        path="/tokens/{token_id}/revoke",
        role=Role.ADMIN,
        handler=end,
        summary="Make a token worthless from now on",
        tag="access",
        asked=TokenAsked,
        answered=TokenShown,
        statuses=(409,),
    ),
)
