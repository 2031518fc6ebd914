"""`secret-read`: configs that take secret values from other components' runtimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.graph.load import Inventory
from karma_core.ids import type_of
from karma_core.json_types import JsonObject
from karma_core.model import Finding, GraphData, Kind, Severity
from karma_core.plan.runtime import secret_keys_of
from karma_core.records import ParameterKind
from karma_core.references.value import VIA
from karma_core.runtime_references import RuntimeReference, parse, references

CODE = "secret-read"
SecretKeys = Callable[[str], frozenset[str] | None]
"""The secret keys of a component's runtime; None: all of it is secret."""


def check_secret_reads(
    inventory: Inventory, data: GraphData, definitions: Mapping[str, TypeDefinition]
) -> Iterator[Finding]:
    """The reads of every config, as far as the parameter store says what is secret."""

    def secret_keys(address: str) -> frozenset[str] | None:
        loaded = inventory.components.get(address)
        held = loaded.runtime.parameter if loaded is not None and loaded.runtime is not None else None
        if held is None or held.kind is not ParameterKind.SECURE:
            return frozenset()
        return secret_keys_of(held.description)

    for source in sorted({e.source for e in data.edges if e.kind is Kind.DEPENDS_ON and VIA in e.via}):
        config = inventory.components[source].config
        if config is not None and config.value is not None:
            yield from secret_reads(source, config.value, definitions, secret_keys)


def secret_reads(
    address: str, config: JsonObject, definitions: Mapping[str, TypeDefinition], secret_keys: SecretKeys
) -> Iterator[Finding]:
    """A warning for each secret value that the config takes from a type that does not share its secrets."""
    for pointer, body in references(config):
        made = parse(body)
        if not isinstance(made, RuntimeReference):
            continue
        producer = type_of(made.target)
        if type_of(address) in definitions.get(producer, EMPTY).share_secrets_with:
            continue
        keys = secret_keys(made.target)
        if keys is None or made.key in keys or made.path[0] in keys:
            yield Finding(
                code=CODE,
                severity=Severity.WARNING,
                component=address,
                pointer=pointer,
                message=f"it takes the secret {made.key} of {made.target}, which needs an approval. Let "
                f"component.yaml of {producer} say `share_secrets_with: [{type_of(address)}]` if every "
                f"{type_of(address)} may have its secrets.",
            )
