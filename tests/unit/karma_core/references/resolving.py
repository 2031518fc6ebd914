"""What the resolvers find in the config of one component, for the tests of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karma_core import documents
from karma_core.component_types import TypeDefinition
from karma_core.model import Finding
from karma_core.references.base import Context, Reference
from karma_core.references.resolvers import find_all, prepare


def find(
    config: dict[str, Any],
    *,
    definition: Mapping[str, Any] | None = None,
    others: Mapping[str, Mapping[str, dict[str, Any]]] | None = None,
    prefix: str = "/iac",
) -> tuple[list[Reference], list[Finding]]:
    """(references, findings) of a component app/web with this config."""
    definitions = {"app": documents.read(TypeDefinition, definition or {})}
    context = Context(prefix=prefix, configs=others or {}, definitions=definitions)
    results = find_all(prepare(context), "app/web", "app", config)
    return (
        [one for one in results if isinstance(one, Reference)],
        [one for one in results if isinstance(one, Finding)],
    )


def seen(config: dict[str, Any], **facts: Any) -> set[tuple[str, str, str]]:
    """(target, via, pointer) of every reference; the config must raise no finding."""
    references, findings = find(config, **facts)
    assert findings == []
    return {(one.target, one.via, one.pointer) for one in references}
