"""What a type's `component.yaml` may say under `reload`: one action, of one of five kinds.

In every text of an action `{address}`, `{nickname}`, `{environment}` and `{key}` (the idempotency key) are
replaced when it is carried out; nothing else in braces is.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
"""A header's name (RFC 9110, section 5.1)."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
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


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("it holds a control character, such as a line break")
    return text


def _header(name: str) -> str:
    if not _TOKEN.match(name):
        raise ValueError("a header's name has letters, digits and hyphens")
    if name.lower() in _OURS:
        raise ValueError("this header is set by Karma itself")
    return name


Line = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=2048)]
HeaderName = Annotated[str, AfterValidator(_header)]
HeaderValue = Annotated[str, AfterValidator(_one_line), Field(max_length=4096)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Http(_Strict):
    """An HTTP request. Any 2xx answer is success; redirects are not followed.

    `body` is sent as it is if it is text, else as JSON. The idempotency key goes along as the header
    `Idempotency-Key`. The host must be in `[reload] allowed_hosts` of karma.toml.
    """

    url: Line
    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"] = "POST"
    headers: dict[HeaderName, HeaderValue] = {}
    body: str | dict[str, Any] | list[Any] | None = None


class LambdaInvoke(_Strict):
    """The invocation of a Lambda function, by name or ARN.

    `payload` gets the members `address`, `environment` and `idempotency_key`. With `wait: false` the
    function is only queued, and what it makes of it is not seen.
    """

    function: Line
    qualifier: Line | None = None
    payload: dict[str, Any] = {}
    wait: bool = True
    region: Region | None = None


class EcsRedeploy(_Strict):
    """A new deployment of an ECS service, as it is defined. ECS takes no idempotency key."""

    cluster: Line
    service: Line
    region: Region | None = None


class EventBridge(_Strict):
    """An event on an EventBridge bus. `detail` gets the same members as a Lambda function's payload."""

    bus: Line = "default"
    source: Line
    detail_type: Line
    detail: dict[str, Any] = {}
    region: Region | None = None


class Reload(_Strict):
    """The action that makes a running component take up new runtime values. Exactly one kind is given.

    A command is a list of words, run without a shell.
    """

    command: Annotated[list[str], Field(min_length=1)] | None = None
    http: Http | None = None
    lambda_invoke: LambdaInvoke | None = None
    ecs_redeploy: EcsRedeploy | None = None
    eventbridge: EventBridge | None = None
    timeout_seconds: float = Field(default=60, gt=0, le=900)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)}; here: {', '.join(given) or 'none'}")
        return self


KINDS: Final = ("command", "http", "lambda_invoke", "ecs_redeploy", "eventbridge")
"""The kinds of action, by the names of their fields."""
