"""The edges and findings of a built environment, for the tests of the resolvers that read modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from karma_core.ids import type_of
from karma_core.model import Edge, Finding, Severity
from karma_core.references.base import Context, Resolved
from karma_core.references.resolvers import find_all, prepare
from tests.unit.graph.environments import Types, built, definitions, findings, modules, parameters


def edges(configs: dict[str, Any], source: str = "app/web", **facts: Any) -> dict[tuple[str, str], Edge]:
    """(target, kind) → edge of one component."""
    all_edges = built(parameters(configs, facts.pop("runtimes", None)), **facts).graph.edges
    return {(edge.target, edge.kind): edge for edge in all_edges if edge.source == source}


def codes(configs: dict[str, Any], **facts: Any) -> list[tuple[str, str, str]]:
    """(code, component, pointer) of every finding."""
    runtimes = facts.pop("runtimes", None)
    return [(f.code, f.component, f.pointer) for f in findings(parameters(configs, runtimes), **facts)]


def resolved(
    address: str,
    config: dict[str, Any],
    sources: Mapping[str, str],
    *,
    others: Mapping[str, dict[str, Any]] = MappingProxyType({}),
    types: Types | None = None,
) -> list[Resolved]:
    """What all resolvers find in one component whose type's module is in `sources`."""
    configs: dict[str, dict[str, dict[str, Any]]] = {}
    for other, body in {**others, address: config}.items():
        configs.setdefault(type_of(other), {})[other] = body
    context = Context(
        prefix="/iac", configs=configs, definitions=definitions(types), modules=modules(sources)
    )
    return find_all(prepare(context), address, type_of(address), config)


def messages(results: Iterable[Resolved], code: str) -> list[str]:
    """The messages of the findings of a code, all of them warnings."""
    chosen = [one for one in results if isinstance(one, Finding) and one.code == code]
    assert {one.severity for one in chosen} <= {Severity.WARNING}
    return [one.message for one in chosen]
