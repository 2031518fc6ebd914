"""The secrets among what a component's Terraform is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from karma_core.component_types import TypeDefinition
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.masking.masker import leaves_of
from karma_core.masking.names import looks_secret
from karma_core.records import Module
from karma_core.root_variables import RESERVED, from_config

_KARMAS: Final = RESERVED | {"region"}
"""Variables that Karma gives. Of a config and of dependencies the secret parts are known one by one."""


def input_secrets(
    address: str,
    *,
    configs: Iterable[JsonObject],
    definition: TypeDefinition,
    variables: JsonMapping,
    module: Module | None,
    runtimes: Iterable[JsonValue],
) -> tuple[str, ...]:
    """The texts and numbers that are secret, sorted, each once.

    `runtimes` are the secret parts of consumed runtimes. Of the configs it is what `ConfigSecrets` says, and
    what they give to variables that the module marks sensitive; of the environment's variables those that the
    module marks sensitive or that look secret. What is part of the component's own address is no secret: it
    stands in every line that is about the component.
    """
    marked = set(module.sensitive_variables) if module else set()
    own = [
        v for name, v in variables.items() if name not in _KARMAS and (name in marked or looks_secret(name))
    ]
    secrets = {*leaves_of([*own, *runtimes])}
    for config in configs:
        secrets.update(ConfigSecrets(definition.config_schema).values(config))
        given = from_config(config, definition)
        secrets.update(leaves_of([given[name] for name in sorted(marked & given.keys())]))
    return tuple(sorted(secret for secret in secrets if secret.lower() not in address.lower()))


def secret_part(part: JsonMapping, keys: Collection[str] | None) -> JsonObject:
    """The keys of a consumed part of a runtime that are secret; None says that all are."""
    return {key: value for key, value in part.items() if keys is None or key in keys}
