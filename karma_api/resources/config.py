"""Configs and runtimes as the parameter store has them, with their history; and the types of components."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from karma_api.access import Caller
from karma_api.names import Nickname, Type
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core import ids
from karma_core.component_types import read_definition
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import to_builtins
from karma_core.roles import Role
from karma_core.use_cases.configs.runtime_show import show as show_of_runtime
from karma_core.use_cases.configs.show import show as show_config


class ValueAsked(Asked, frozen=True, kw_only=True):
    """One config or runtime; its current version unless one is named."""

    type: Type
    nickname: Nickname
    version: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


class ConfigShown(Answered, kw_only=True):
    """A config version, null where it is `secret`; `history` lists the kept ones, oldest first."""

    address: str
    version: int
    current: bool
    secret: bool
    config: JsonValue
    history: list[JsonObject]


class RuntimeShown(Answered, kw_only=True):
    """A runtime version, null where it is `secret`; `history` lists the kept ones, oldest first."""

    address: str
    version: int
    current: bool
    secret: bool
    runtime: JsonValue
    history: list[JsonObject]


class TypeAsked(Asked, frozen=True, kw_only=True):
    """One type."""

    type: Type


class TypeShown(Answered, kw_only=True):
    """A type's definition from component.yaml; `schema` is the JSON Schema of its configs."""

    type: str
    description: str


class TypesShown(Answered, kw_only=True):
    """Types with a module or a component.yaml."""

    types: list[str]


def show(service: Service, caller: Caller, asked: ValueAsked) -> JsonValue:
    """A config by address, with its earlier versions."""
    address = ids.make_address(asked.type, asked.nickname)
    return to_builtins(show_config(service.acting(caller), address, asked.version))


def show_runtime(service: Service, caller: Caller, asked: ValueAsked) -> JsonValue:
    """A runtime by address, with its earlier versions."""
    address = ids.make_address(asked.type, asked.nickname)
    return to_builtins(show_of_runtime(service.acting(caller), address, asked.version))


def list_types(service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """Types that this process knows."""
    return {"types": _known(service)}


def show_type(service: Service, _caller: Caller, asked: TypeAsked) -> JsonObject:
    """One type's definition."""
    if asked.type not in _known(service):
        raise NotFound(f"there is no type {asked.type} here", next_step="GET /types lists those that are")
    own = service.workspace.modules.definition(asked.type) or {}
    said = service.workspace.environment.types.get(asked.type, {})
    definition = read_definition(asked.type, {**own, **said})
    return {"type": asked.type, **to_builtins(definition)}


def _known(service: Service) -> list[str]:
    workspace = service.workspace
    return sorted({*workspace.modules.types(), *workspace.environment.types})


ROUTES = (
    Route(
        name="config",
        method="GET",
        path="/config/{type}/{nickname}",
        role=Role.VIEWER,
        handler=show,
        summary="A config with its history",
        tag="config",
        asked=ValueAsked,
        answered=ConfigShown,
        statuses=(409, 422),
    ),
    Route(
        name="runtime",
        method="GET",
        path="/runtime/{type}/{nickname}",
        role=Role.VIEWER,
        handler=show_runtime,
        summary="A runtime with its history",
        tag="config",
        asked=ValueAsked,
        answered=RuntimeShown,
        statuses=(409, 422),
    ),
    Route(
        name="types",
        method="GET",
        path="/types",
        role=Role.VIEWER,
        handler=list_types,
        summary="Component types",
        tag="config",
        answered=TypesShown,
    ),
    Route(
        name="type",
        method="GET",
        path="/types/{type}",
        role=Role.VIEWER,
        handler=show_type,
        summary="One type: its schema and how it behaves",
        tag="config",
        asked=TypeAsked,
        answered=TypeShown,
        statuses=(422,),
    ),
)
