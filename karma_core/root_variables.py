"""The values of a root module's variables: what Karma passes, what configs and settings give."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from karma_core.component_types import TypeDefinition
from karma_core.ids import Address
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.model import Record
from karma_core.plan.runtime import is_unknown

CONFIG: Final = "config"
DEPENDENCIES: Final = "dependencies"
RESERVED: Final = frozenset({CONFIG, DEPENDENCIES, "nickname", "component_name", "iac_prefix"})
"""Variables that Karma gives, whatever the config has under their names; component.yaml may say otherwise."""
OF_KARMA: Final = frozenset({"depends_on", "moved_from"})
"""Keys of a config that are Karma's own, and no variable's."""


class Environment(Record, frozen=True, kw_only=True):
    """What an environment gives to all of its components. `variables` are those of the settings."""

    name: str
    prefix: str
    region: str
    variables: JsonMapping = {}


def reserved(definition: TypeDefinition) -> frozenset[str]:
    """The variables of Karma's that the type's modules take from Karma and not from their configs."""
    return RESERVED.difference(name for name, source in definition.variables.items() if source == CONFIG)


def taken_by_karma(definition: TypeDefinition) -> frozenset[str]:
    """The top-level keys of the type's configs that are no values of variables."""
    return reserved(definition) | OF_KARMA


def from_config(config: JsonMapping, definition: TypeDefinition) -> JsonObject:
    """The top-level keys of a config that may be values of variables."""
    held_back = taken_by_karma(definition)
    return {name: value for name, value in config.items() if name not in held_back}


def unknown_variables(
    config: JsonValue,
    dependencies: JsonMapping,
    definition: TypeDefinition,
    declared: Collection[str],
) -> JsonObject:
    """Variable → marks of what is unknown in its value, of those that the module declares.

    `config` are the marks of the resolved config, `dependencies` those by producer.
    """
    marks: JsonMapping = config if isinstance(config, Mapping) else {}
    of_producers = {producer: mark for producer, mark in dependencies.items() if is_unknown(mark)}
    karmas = {CONFIG: marks or None, DEPENDENCIES: of_producers or None}
    kept = reserved(definition)
    given = {
        **from_config(marks, definition),
        **{name: mark for name, mark in karmas.items() if name in kept},
    }
    return {
        name: mark
        for name, mark in sorted(given.items())
        if is_unknown(mark) and (name in declared or name == DEPENDENCIES)
    }


def values(
    environment: Environment,
    address: str,
    config: JsonMapping,
    dependencies: Mapping[str, JsonMapping],
    definition: TypeDefinition,
) -> JsonObject:
    """Variable → value, for every variable that can be given; a module gets those that it declares.

    A variable has the value of the config's key of the same name; else Karma's region or environment; else
    what the environment's settings say. Reserved ones are Karma's. `dependencies` has of each producer's
    runtime only the counted keys: a missed one fails loudly instead of going stale.
    """
    component_type, nickname, _ = Address.of(address)
    karmas: JsonObject = {
        "nickname": nickname,
        "component_name": component_type,
        "iac_prefix": environment.prefix,
        CONFIG: dict(config),
        DEPENDENCIES: {producer: dict(part) for producer, part in sorted(dependencies.items())},
    }
    kept = reserved(definition)
    return {
        **environment.variables,
        "region": environment.region,
        "environment": environment.name,
        **from_config(config, definition),
        **{name: value for name, value in karmas.items() if name in kept},
    }
