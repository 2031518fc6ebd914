"""All checks of a built graph, and the components that its errors block."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from karma_core.component_types import TypeDefinition
from karma_core.graph.build import Built
from karma_core.graph.cycles import check_cycles
from karma_core.graph.graph import Graph
from karma_core.graph.load import Inventory
from karma_core.graph.moves import check_moves
from karma_core.graph.order_conflicts import check_orders
from karma_core.graph.schemas import check_schemas
from karma_core.graph.secret_reads import check_secret_reads
from karma_core.graph.values import (
    check_ages,
    check_binding,
    check_consumed_keys,
    check_runtimes,
    check_sizes,
)
from karma_core.ids import type_of
from karma_core.masking.masker import MASK
from karma_core.model import Finding, Scope, Severity
from karma_core.references.entries import pointer_to, walk


def validate(
    inventory: Inventory,
    built: Built,
    definitions: Mapping[str, TypeDefinition],
    *,
    known_types: Collection[str] | None = None,
    graph: Graph | None = None,
) -> tuple[Finding, ...]:
    """Every finding on the build, sorted, none twice.

    `known_types` are the types that have a module; None where modules cannot be seen, and then none is
    missed. `graph` saves making one of `built` again. O(components + edges), and the schemas.
    """
    full_graph = graph or Graph(built.graph)
    findings = {
        *built.findings,
        *check_cycles(built.graph, full_graph),
        *check_binding(inventory),
        *check_sizes(inventory),
        *check_ages(inventory),
        *check_runtimes(built.inventory, built.graph),
        *check_consumed_keys(built.inventory, built.graph, built.optional_keys),
        *check_schemas(inventory, definitions, built.sensitive_keys),
        *check_secret_reads(inventory, built.graph, definitions),
        *check_masks(inventory),
        *check_types(inventory, known_types),
        *check_moves(inventory, full_graph),
        *check_orders(inventory, built.graph, full_graph),
    }
    return sort_findings(findings)


def check_masks(inventory: Inventory) -> Iterator[Finding]:
    """`masked-value`: a config that has what Karma shows in place of a secret, and not the secret."""
    for loaded in inventory.components.values():
        config = loaded.config
        if config is None or f'"{MASK}"' not in (config.parameter.value or ""):
            continue
        for key, value, place in walk(config.value or {}):
            if value != MASK:
                continue
            yield Finding(
                code="masked-value",
                severity=Severity.ERROR,
                component=loaded.address,
                pointer=pointer_to(place, key),
                message=f"its value is {MASK}, which stands for a secret where a config is shown. Write the "
                "secret itself, or leave the field as it was.",
            )


def check_types(inventory: Inventory, known_types: Collection[str] | None) -> Iterator[Finding]:
    """`unknown-type`: a configured component whose type has no module."""
    if known_types is None:
        return
    for loaded in inventory.components.values():
        if loaded.config is not None and loaded.type not in known_types:
            yield Finding(
                code="unknown-type",
                severity=Severity.WARNING,
                component=loaded.address,
                pointer="",
                message=f"there is no module for the type {loaded.type}, so it cannot be planned. "
                f"Add components/{loaded.type}/, or correct the type's name.",
            )


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then by component, code, place and text."""
    return tuple(sorted(findings, key=lambda finding: finding.order))


def blocked(findings: Iterable[Finding], graph: Graph) -> set[str]:
    """Components that must not be deployed: those with an error, and their cones, which need them.

    An error on a type stops its components, one on the environment stops everything.
    """
    wrong: set[str] = set()
    types: set[str] = set()
    for finding in findings:
        if finding.severity is not Severity.ERROR:
            continue
        if finding.scope is Scope.ENVIRONMENT:
            return set(graph)
        (types if finding.scope is Scope.TYPE else wrong).add(finding.name)
    wrong.update(address for address in graph if type_of(address) in types)
    return graph.cone(*(address for address in wrong if address in graph))
