"""Reload actions of `component.yaml`: one action, of one of five kinds.

In every text of an action `{address}`, `{nickname}`, `{environment}` and `{key}` (the idempotency key) are
replaced when it is carried out; nothing else in braces is.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from karma_core.documents import WHOLE, Document
from karma_core.json_types import JsonObject, JsonValue

_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the request itself decides: setting them could make two requests of one."""


_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*" + WHOLE
"""Without control characters, line breaks among them."""

Line = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_ONE_LINE)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+" + WHOLE)]
"""A token (RFC 9110, section 5.1)."""
HeaderValue = Annotated[str, Meta(max_length=4096, pattern=_ONE_LINE)]
Region = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]" + WHOLE)]
Seconds = Annotated[float, Meta(gt=0, le=900)]


class Http(Document, frozen=True, kw_only=True):
    """An HTTP request. Any 2xx answer is success; redirects are not followed.

    `body` is sent as it is if it is text, else as JSON. The idempotency key goes along as the header
    `Idempotency-Key`. The host must be in `[reload] allowed_hosts` of karma.toml.
    """

    url: Line
    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"] = "POST"
    headers: dict[HeaderName, HeaderValue] = {}
    body: str | JsonObject | list[JsonValue] | None = None

    def __post_init__(self) -> None:
        for name in self.headers:
            if name.lower() in _OURS:
                raise ValueError(f"the header {name} is set by Karma itself")


class LambdaInvoke(Document, frozen=True, kw_only=True):
    """The invocation of a Lambda function, by name or ARN.

    `payload` gets the members `address`, `environment` and `idempotency_key`. With `wait: false` the
    function is only queued, and what it makes of it is not seen.
    """

    function: Line
    qualifier: Line | None = None
    payload: JsonObject = {}
    wait: bool = True
    region: Region | None = None


class EcsRedeploy(Document, frozen=True, kw_only=True):
    """A new deployment of an ECS service, as it is defined. ECS takes no idempotency key."""

    cluster: Line
    service: Line
    region: Region | None = None


class EventBridge(Document, frozen=True, kw_only=True):
    """An event on an EventBridge bus. `detail` gets the same members as a Lambda function's payload."""

    bus: Line = "default"
    source: Line
    detail_type: Line
    detail: JsonObject = {}
    region: Region | None = None


class Reload(Document, frozen=True, kw_only=True):
    """The action that makes a running component take up new runtime values. Exactly one kind is given.

    A command is a list of words, run without a shell.
    """

    command: Annotated[list[str], Meta(min_length=1)] | None = None
    http: Http | None = None
    lambda_invoke: LambdaInvoke | None = None
    ecs_redeploy: EcsRedeploy | None = None
    eventbridge: EventBridge | None = None
    timeout_seconds: Seconds = 60

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)}; here: {', '.join(given) or 'none'}")


KINDS: Final = ("command", "http", "lambda_invoke", "ecs_redeploy", "eventbridge")
"""The kinds of action, by the names of their fields."""
