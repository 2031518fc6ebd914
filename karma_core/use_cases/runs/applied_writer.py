"""Who wrote the runtime of what was applied: the module of that time, with the config of that time."""

from __future__ import annotations

from karma_core.graph.types import read_definitions
from karma_core.ids import type_of
from karma_core.inference.evaluate import read_component
from karma_core.needs import HasModules
from karma_core.records import Applied
from karma_core.references.base import Context, ModuleInputs
from karma_core.use_cases.graph.build import definition_of


def module_wrote(workspace: HasModules, record: Applied) -> bool:
    """Whether the module that was applied wrote its component's runtime, or may have."""
    address, component_type = record.address, type_of(record.address)
    definitions, _ = read_definitions([component_type], lambda name: definition_of(workspace, name))
    facts = workspace.modules.archived_facts(record.module, component_type)
    environment = workspace.environment
    context = Context(
        prefix=workspace.prefix,
        configs={component_type: {address: record.config}},
        definitions=definitions,
        modules=ModuleInputs(
            facts={component_type: facts} if facts is not None else {},
            region=environment.region,
            environment=environment.name,
            variables=environment.variables,
        ),
    )
    said, program = context.definition(component_type).runtime, context.program(component_type)
    if said is not None or program is None:
        return said == "module"
    reading = read_component(program, context.inputs(address, record.config, record.edges))
    return address in reading.writes or bool(reading.unresolved_writes)
