"""A config with the values that it takes of runtimes: whether it can be given to its module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from karma_core.component_types import TypeDefinition
from karma_core.errors import BadInput
from karma_core.graph.schemas import resolved_faults
from karma_core.ids import type_of
from karma_core.json_types import JsonValue
from karma_core.references.entries import pointer_to
from karma_core.runtime_references import Resolved


def check_resolved(address: str, resolved: Resolved, definition: TypeDefinition) -> None:
    """BadInput `consumed-key-missing` or `schema`; a config without references is judged by the build."""
    for pointer, producer, key in resolved.missing:
        raise BadInput(
            f"the value at {pointer} of {address} is not there",
            why=f"the runtime of {producer} has no {key}",
            next_step=f'correct the key, let {producer} publish it, or add a "default"',
            code="consumed-key-missing",
            component=address,
        )
    if not resolved.taken or definition.config_schema is None:
        return
    for pointer, message in resolved_faults(
        definition.config_schema, resolved.config, list(unknown_places(resolved.marks))
    ):
        raise BadInput(
            f"the config of {address} does not satisfy its schema with the values of other components",
            why=f"{pointer or '/'}: {message}",
            next_step=f"take another value; the schema is in component.yaml of {type_of(address)}",
            code="schema",
            component=address,
        )


def unknown_places(marks: JsonValue, pointer: str = "") -> Iterator[str]:
    """Pointers to what is unknown."""
    if marks is True:
        yield pointer
        return
    members = marks.items() if isinstance(marks, Mapping) else enumerate(marks or ())
    for key, inner in members:
        yield from unknown_places(inner, pointer_to(pointer, key))
