"""Module facts for a build: from the modules if present, otherwise as the last builder stored them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from karma_core.inference.facts import ModuleFacts
from karma_core.needs import FleetSource, HasModules
from karma_core.references.base import ModuleInputs
from karma_core.use_cases.fleet.values import Values
from karma_core.use_cases.graph.kept_modules import KeptModules


def module_inputs(
    workspace: FleetSource, types: Sequence[str], values: Values, pinned: Mapping[str, str]
) -> ModuleInputs:
    """What the resolvers may know of the modules of these types. A module that cannot be read has no facts.

    `pinned` maps types to digests of modules that stand in for those of now.
    """
    environment = workspace.environment
    here = isinstance(workspace.modules, KeptModules) or workspace.modules.types()
    kept = None if here else KeptModules(workspace.state, environment)
    known = workspace.modules if isinstance(workspace.modules, KeptModules) else kept
    facts: dict[str, ModuleFacts] = {}
    for component_type in types:
        if component_type in pinned:
            one = _pinned(workspace, component_type, values, pinned[component_type])
        else:
            one = kept.facts(component_type) if kept else _here(workspace, component_type, values)
        if one is not None:
            facts[component_type] = one
    return ModuleInputs(
        facts=facts,
        region=environment.region,
        environment=environment.name,
        variables=environment.variables,
        states=known.states() if known is not None else environment.states,
    )


def _pinned(workspace: HasModules, component_type: str, values: Values, digest: str) -> ModuleFacts | None:
    facts = workspace.modules.archived_facts(digest, component_type)
    return facts or _here(workspace, component_type, values)


def _here(workspace: HasModules, component_type: str, values: Values) -> ModuleFacts | None:
    if values.module_of(component_type) is None:
        return None  # there is none, or it is unreadable, which is a finding already
    return workspace.modules.facts(component_type)
