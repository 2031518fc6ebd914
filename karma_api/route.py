"""A route of the API, as the route table declares it, and the bases of its models.

Handlers are plain functions `(service, caller, asked)`: what is served, who calls, and the request as its
model read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from karma_api.access import Caller
from karma_api.service import Service
from karma_core.documents import Document, TypeForm
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.roles import Role

Method = Literal["GET", "POST"]
Handler = Callable[[Service, Caller, Any], Any]


class Asked(Document, frozen=True, kw_only=True):
    """Base of all request models: the fields are placeholders of the path, else names of the query.

    A field `body` is the JSON document. Whatever is not declared is refused.
    """


class Answered(msgspec.Struct, kw_only=True):
    """Base of all response models: they describe answers, which may hold more. None is ever made."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route.

    `role` None: open to everybody. `status` is that of success, `statuses` are further ones that the handler
    may give; those that every route can give (400, 401, 403, 404, 413, 429, 503, …) go without saying.
    `cached`: the answer follows from the current build and the request alone. `costly`: the work may
    be large; it has threads of its own, few for one caller. `streams`: the answer is a
    stream of server-sent events. `own_body`: the handler reads the raw body itself (webhooks).
    `within`: seconds in which it is answered in every outage, for a route that is open to everybody.
    `without_environment`: the answer to a request that names none; no environment is opened for it.
    """

    name: str
    method: Method
    path: str
    role: Role | None
    handler: Handler
    summary: str
    tag: str
    asked: type[Asked] = Asked
    answered: TypeForm = JsonObject
    status: int = 200
    statuses: tuple[int, ...] = ()
    media_type: str = "application/json"
    cached: bool = False
    costly: bool = False
    streams: bool = False
    own_body: bool = False
    within: float | None = None
    without_environment: JsonMapping | None = None
