"""Configs against their type's JSON Schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import jsonschema_rs

from karma_core.component_types import TypeDefinition
from karma_core.graph.load import Inventory, Loaded
from karma_core.graph.types import type_finding
from karma_core.json_types import JsonObject, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.masking.masker import MASK
from karma_core.model import Finding, Severity
from karma_core.references.entries import pointer_to
from karma_core.runtime_references import references

_OF_SHAPE: Final = frozenset(
    {
        "required", "additionalProperties", "minProperties", "maxProperties", "minItems", "maxItems",
        "dependentRequired", "propertyNames", "type",
    }
)  # fmt: skip
"""Keywords that look at an object or list and at no value in it."""
_CONDITIONAL: Final = frozenset({"then", "else", "dependentSchemas"})
MAX_MESSAGE: Final = 300
"""Characters of one schema message: it quotes the value, which may be long."""


def check_schemas(
    inventory: Inventory,
    definitions: Mapping[str, TypeDefinition],
    sensitive: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """Every fault of every config; a schema that cannot be used is a fault of its type.

    `sensitive` maps types to keys that are secret whatever the schema says. A schema is compiled
    once. It may refer to its own parts only: nothing is fetched.
    """
    by_type: dict[str, list[Loaded]] = {}
    for loaded in inventory.components.values():
        if loaded.config is not None and loaded.config.value is not None:
            by_type.setdefault(loaded.type, []).append(loaded)
    for component_type, definition in sorted(definitions.items()):
        schema = definition.config_schema
        if schema is None:
            continue
        try:
            validator = jsonschema_rs.validator_for(schema, retriever=_fetch_nothing)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            message = f"the schema in component.yaml cannot be used: {_short(str(error))}. Correct `schema:`."
            yield type_finding("schema", component_type, message)
            continue
        for loaded in by_type.get(component_type, ()):
            yield from _findings(validator, schema, loaded, sensitive.get(component_type, ()))


def _findings(
    validator: jsonschema_rs.Validator,
    schema: JsonObject | bool,
    loaded: Loaded,
    sensitive: Collection[str],
) -> Iterator[Finding]:
    """The faults of one config. Of a secret, or of what holds one, the message does not quote the value.

    A value that is taken from a runtime satisfies everything: it is compared when it is known.
    """
    config = loaded.config.value if loaded.config is not None else None
    if validator.is_valid(config):
        return
    secrets = ConfigSecrets(schema, sensitive)
    if secrets.masked(config) != config:
        validator = jsonschema_rs.validator_for(schema, retriever=_fetch_nothing, mask=MASK)
    for pointer, text in _faults(validator, config, [place for place, _ in references(config)]):
        yield Finding(
            code="schema",
            severity=Severity.ERROR,
            component=loaded.address,
            pointer=pointer,
            message=f"{text}. Correct the config; the schema is in component.yaml of {loaded.type}.",
        )


def resolved_faults(
    schema: JsonObject | bool, config: JsonValue, unknown: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(pointer, message) of every fault of a config with the values of runtimes in it, none of them quoted.

    `unknown` are pointers to what is not known yet. A schema that cannot be used has no faults here.
    """
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_fetch_nothing, mask=MASK)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return
    yield from _faults(validator, config, unknown)


def _faults(
    validator: jsonschema_rs.Validator, config: JsonValue, undecided: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(pointer, message) of every fault that does not hang on a place whose value is undecided."""
    for fault in validator.iter_errors(config):
        pointer = ""
        for key in fault.instance_path:
            pointer = pointer_to(pointer, key)
        if not _hangs_on(pointer, [str(part) for part in fault.schema_path], undecided):
            yield pointer, _short(fault.message)


def _hangs_on(pointer: str, keywords: list[str], undecided: Collection[str]) -> bool:
    """Whether a fault may go away with other values at the undecided places."""
    for place in undecided:
        if f"{pointer}/".startswith(f"{place}/"):
            return True
        if f"{place}/".startswith(f"{pointer}/") and not (
            keywords[-1:] and keywords[-1] in _OF_SHAPE and _CONDITIONAL.isdisjoint(keywords)
        ):
            return True
    return False


def _fetch_nothing(uri: str) -> JsonValue:
    raise ValueError(f"{uri[:100]} is outside the schema, and Karma fetches nothing")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
