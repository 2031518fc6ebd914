"""The secret places of configs, by the definitions of their types as they are now."""

from __future__ import annotations

from karma_core.component_types import EMPTY, TypeDefinition, read_definition
from karma_core.errors import BadInput
from karma_core.ids import type_of
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.needs import HasModules
from karma_core.root_variables import CONFIG


def definition_now(workspace: HasModules, component_type: str) -> TypeDefinition:
    """The type's definition, with what the settings say of it; an empty one where none can be read."""
    said: JsonMapping = workspace.environment.types.get(component_type, {})
    try:
        return read_definition(
            component_type, {**(workspace.modules.definition(component_type) or {}), **said}
        )
    except BadInput:
        return EMPTY


def sensitive_keys(workspace: HasModules, component_type: str) -> frozenset[str]:
    """The keys of the type's configs that give values to variables which its module marks sensitive."""
    try:
        facts = workspace.modules.facts(component_type)
    except BadInput:
        return frozenset()
    return facts.sensitive - {CONFIG} if facts is not None else frozenset()


class ShownConfigs:
    """Masks configs for whoever is shown them; each type's definition and module are read once."""

    def __init__(self, workspace: HasModules) -> None:
        self._workspace = workspace
        self._by_type: dict[str, ConfigSecrets] = {}

    def secrets(self, address: str) -> ConfigSecrets:
        """The secret places of the component's config."""
        component_type = type_of(address)
        if component_type not in self._by_type:
            schema = definition_now(self._workspace, component_type).config_schema
            sensitive = sensitive_keys(self._workspace, component_type)
            self._by_type[component_type] = ConfigSecrets(schema, sensitive)
        return self._by_type[component_type]

    def masked(self, address: str, config: JsonValue) -> JsonValue:
        """The config as it is shown."""
        return self.secrets(address).masked(config)
