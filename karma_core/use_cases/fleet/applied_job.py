"""The last apply of a component as a job for Terraform, with its config and module of that time."""

from __future__ import annotations

from karma_core import strictjson
from karma_core.errors import DeployFailed
from karma_core.ids import type_of
from karma_core.json_types import JsonObject
from karma_core.needs import FleetSource, HasModules, HasParameters
from karma_core.plan.runtime import counted
from karma_core.records import Applied, Module, ParameterKind, TerraformJob
from karma_core.use_cases.fleet.values import offered_variables


def destroy_job(workspace: FleetSource, record: Applied) -> TerraformJob:
    """The job that destroys what was applied: with the config and the module of that time."""
    module = applied_module(workspace, record)
    runtimes, secrets = applied_runtimes(workspace, record)
    offered = offered_variables(workspace, record.address, record.config, runtimes)
    variables = {name: value for name, value in offered.items() if name in module.variables}
    return TerraformJob(
        address=record.address, module=module, variables=variables, destroy=True, secrets=secrets
    )


def applied_module(workspace: HasModules, record: Applied) -> Module:
    """The module that was applied, from its archive; DeployFailed `module-lost` where that is gone."""
    component_type = type_of(record.address)
    module = workspace.modules.archived(record.module, component_type)
    if module is None:
        module = workspace.modules.module(component_type)
    if module is None:
        raise DeployFailed(
            f"the module that {record.address} was applied with is lost",
            why=f"{record.module} is neither archived nor in the work tree",
            next_step=f"bring components/{component_type}/ back and try again",
            code="module-lost",
            component=record.address,
        )
    return module


def applied_runtimes(
    workspace: HasParameters, record: Applied
) -> tuple[dict[str, JsonObject], tuple[JsonObject, ...]]:
    """Return (consumed runtimes that still exist, with their counted keys; those of them that are secret)."""
    runtimes, secrets = {}, []
    for producer in record.edges:
        held = workspace.parameters.get(workspace.runtime_parameter(producer), decrypt=True)
        value = strictjson.parse_object(held.value.encode(), where=held.name) if held and held.value else {}
        runtimes[producer] = counted(value, record.keys.get(producer))
        if held is not None and held.kind is ParameterKind.SECURE:
            secrets.append(runtimes[producer])
    return runtimes, tuple(secrets)
