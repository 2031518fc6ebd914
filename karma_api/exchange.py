"""A request as it comes in and the answer that goes out, whichever server or function carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from karma_core import exact_numbers
from karma_core.json_types import JsonValue

if TYPE_CHECKING:
    from karma_api.cached_graph import View

JSON: Final = "application/json"

SECURE: Final[Mapping[str, str]] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""On every answer (OWASP: REST Security Cheat Sheet). Browsers heed the fourth only over TLS."""

encode = exact_numbers.encode


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One request. `path` values are those of the route's placeholders; header names are in lower case.

    `query` keeps repeated names. `client` is the caller's address, for limits and the log.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI sends them, with the length; made once for an answer that is kept."""
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return pairs if self.status == 304 else [*pairs, (b"content-length", b"%d" % len(self.body))]  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A handler's answer that needs more than a document.

    `document` is a JSON value or, with `media_type`, bytes as they are to be sent. `view` is the build that
    the answer follows from alone: its ETag is the answer's, and the answer is kept with it.
    """

    document: JsonValue = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None
    media_type: str = JSON


def to_bytes(document: JsonValue) -> bytes:
    """The body of a document: bytes as they are, values as compact JSON."""
    if isinstance(document, bytes):
        return document
    return encode(document)
