"""Who calls, and who else may. Tokens are made and revoked by the command line."""

from __future__ import annotations

from typing import Any

from karma_api.access import Caller
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.roles import Role
from karma_core.use_cases.tokens import tokens


class WhoShown(Answered, kw_only=True):
    """The caller, as the log will name it."""

    user: str
    role: Role
    environment: str


class TokensShown(Answered, kw_only=True):
    """Every token that was made, without its text."""

    tokens: list[dict[str, Any]]


def who(service: Service, caller: Caller, _asked: Asked) -> dict[str, Any]:
    """Who the token says is calling."""
    return {"user": caller.user, "role": str(caller.role), "environment": service.name}


def list_tokens(service: Service, _caller: Caller, _asked: Asked) -> dict[str, Any]:
    """Tokens of the environment."""
    return {"tokens": [token.document() for token in tokens(service.workspace)]}


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
)
