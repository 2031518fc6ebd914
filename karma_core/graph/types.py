"""Definitions of component types in a build, and findings on those that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from karma_core.component_types import TypeDefinition, read_definition
from karma_core.errors import BadInput
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Severity, about_type


def read_definitions(
    types: Iterable[str], body_of: Callable[[str], JsonObject | None]
) -> tuple[dict[str, TypeDefinition], list[Finding]]:
    """(definition by type, findings `component-type`) from each type's parsed component.yaml.

    `body_of` returns None where a type has no such file and raises BadInput where it cannot be parsed.
    """
    definitions: dict[str, TypeDefinition] = {}
    findings: list[Finding] = []
    for component_type in sorted(set(types)):
        try:
            body = body_of(component_type)
            if body is not None:
                definitions[component_type] = read_definition(component_type, body)
        except BadInput as error:
            findings.append(
                type_finding(
                    "component-type", component_type, f"{error.what}: {error.why}. {error.next_step}."
                )
            )
    return definitions, findings


def type_finding(code: str, component_type: str, message: str) -> Finding:
    """An error on a type: it concerns every component of it."""
    return Finding(
        code=code, severity=Severity.ERROR, component=about_type(component_type), pointer="", message=message
    )
