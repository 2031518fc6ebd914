"""Errors as HTTP statuses and problem details (RFC 9457): here and nowhere else.

Errors of the API itself::

    KarmaError
    ├── Unauthenticated   401  no token, or one that does not count
    ├── Forbidden         403  the token's role does not allow it
    ├── TooManyRequests   429  the caller asks faster than it may
    └── TooSlow           504  the answer took longer than a request may
"""

from __future__ import annotations

from typing import Final

from karma_api.exchange import SECURE, Outgoing, encode
from karma_core.errors import (
    BadInput,
    Conflict,
    DeployFailed,
    KarmaError,
    NotFound,
    Refused,
    SettingsError,
    StaleLease,
    StoreUnavailable,
    UsageError,
    ValidationFailed,
)
from karma_core.json_types import JsonObject

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
"""What a caller is told to wait before it tries again. Ours: leases and locks are held for moments."""


class Unauthenticated(KarmaError):
    """The caller is not authenticated."""

    code = "unauthenticated"


class Forbidden(KarmaError):
    """The caller is authenticated but not allowed."""

    code = "forbidden"


class TooManyRequests(KarmaError):
    """The caller is to wait; `retry_after` says how many seconds."""

    code = "too-many-requests"


class TooSlow(KarmaError):
    """The answer took longer than a request may."""

    code = "too-slow"
    fault = "system"


_BY_CODE: Final = {
    "too-large": 413,
    "not-approver": 403,
    "foreign-page": 403,
    "foreign-host": 403,
    "media-type": 415,
    "webhook-payload": 422,
}
_BY_CLASS: Final[tuple[tuple[type[KarmaError], int], ...]] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (TooManyRequests, 429),
    (TooSlow, 504),
    (SettingsError, 500),
    (UsageError, 400),
    (BadInput, 422),
    (ValidationFailed, 422),
    (DeployFailed, 422),
    (NotFound, 404),
    (StaleLease, 503),
    (Refused, 409),
    (Conflict, 409),
    (StoreUnavailable, 503),
)
_TITLES: Final = {
    400: "The request is wrong",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Refused as things stand",
    413: "Too large",
    415: "Not the media type that is needed",
    422: "The content cannot be used",
    429: "Too many requests",
    500: "Karma failed",
    503: "Not available now",
    504: "It took too long",
}


def status_of(error: KarmaError) -> int:
    """The HTTP status: by its code, else by the first class in the table that it belongs to, else 500."""
    by_class = next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)
    return _BY_CODE.get(error.code, by_class)


def problem(error: KarmaError, status: int | None = None) -> JsonObject:
    """The problem's document: the five members of RFC 9457, then those of the error."""
    status = status or status_of(error)
    facts = error.document()
    own = {"type": f"urn:karma:error:{error.code}", "title": _TITLES.get(status, "Error"), "status": status}
    detail = error.what + (f": {error.why}" if error.why else "")
    return {**{name: value for name, value in facts.items() if name not in own}, **own, "detail": detail}


def outgoing(error: KarmaError, status: int | None = None) -> Outgoing:
    """The answer to a request that ended in this error."""
    body = problem(error, status)
    headers = {**SECURE, "content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if body["status"] == 401:  # noqa: PLR2004 - RFC 9110, 11.6.1 asks for the header
        headers["www-authenticate"] = 'Bearer realm="karma"'
    if body["status"] in {429, 503}:
        headers["retry-after"] = str(error.facts.get("retry_after", RETRY_SECONDS))
    return Outgoing(status=body["status"], body=encode(body), headers=headers)


def no_resource() -> NotFound:
    """Return the error for an unknown path."""
    return NotFound("there is no such resource", next_step="see /openapi.json")


def method_not_allowed(method: str, allowed: list[str]) -> Outgoing:
    """The answer to a method that a path does not have."""
    error = UsageError(
        f"{method} is not a method of this resource", next_step=f"use {', '.join(allowed)}", code="method"
    )
    problem = outgoing(error, 405)
    return Outgoing(status=405, body=problem.body, headers={**problem.headers, "allow": ", ".join(allowed)})
