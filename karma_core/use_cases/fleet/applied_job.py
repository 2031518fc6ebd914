"""The last apply of a component as a job for Terraform, with its config and module of that time."""

from __future__ import annotations

from karma_core import strictjson
from karma_core.checksum import intact
from karma_core.errors import BadInput, DeployFailed
from karma_core.ids import type_of
from karma_core.json_types import JsonObject
from karma_core.needs import FleetSource, HasModules, HasParameters
from karma_core.plan.runtime import counted, secret_keys_of
from karma_core.records import Applied, Module, Parameter, ParameterKind, PlannedRuntime, TerraformJob
from karma_core.references.state import is_output
from karma_core.runtime_references import resolve
from karma_core.use_cases.fleet.config_secrets import definition_now
from karma_core.use_cases.fleet.input_secrets import input_secrets, secret_part
from karma_core.use_cases.fleet.outdated_secrets import (
    HMAC_KEY,
    applied_configs,
    outdated_parts,
    seal_under,
)
from karma_core.use_cases.fleet.values import offered_variables


def destroy_job(workspace: FleetSource, record: Applied) -> TerraformJob:
    """The job that destroys what was applied: with the config and the module of that time."""
    module = applied_module(workspace, record)
    runtimes, secret_parts = applied_runtimes(workspace, record)
    seal = seal_under(workspace.state.secret(HMAC_KEY))
    secret_runtimes = {producer: runtimes[producer] for producer in secret_parts}
    outdated = outdated_parts(workspace, record, secret_runtimes, seal)
    definition = definition_now(workspace, type_of(record.address))
    known = {producer: PlannedRuntime(known=part) for producer, part in runtimes.items()}
    config = resolve(record.config, known).config  # a value that is gone is null: it is to be destroyed
    named = {producer: part for producer, part in runtimes.items() if producer not in record.by_value}
    offered = offered_variables(workspace, record.address, config, named, definition)
    secrets = input_secrets(
        record.address,
        configs=(config, *applied_configs(record)),
        definition=definition,
        variables=workspace.environment.variables,
        module=module,
        runtimes=[*secret_parts.values(), *outdated],
    )
    workspace.known_secrets.learn(record.address, secrets)
    variables = {name: value for name, value in offered.items() if name in module.variables}
    return TerraformJob(
        address=record.address,
        module=module,
        variables=variables,
        destroy=True,
        secrets=secrets,
        provisioner_credentials=definition.provisioner_credentials,
        reads_states_of=tuple(p for p in record.edges if any(map(is_output, record.keys.get(p, ())))),
        engine=definition.terraform,
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
) -> tuple[dict[str, JsonObject], dict[str, JsonObject]]:
    """What is still there of the runtimes that were consumed, the counted keys of each; the secret parts.

    One that cannot be read is not there: it must not keep a component from being destroyed.
    """
    runtimes: dict[str, JsonObject] = {}
    secrets: dict[str, JsonObject] = {}
    for producer in record.edges:
        held = workspace.parameters.get(workspace.runtime_parameter(producer), decrypt=True)
        runtimes[producer] = counted(_readable(held), record.keys.get(producer))
        if held is not None and held.kind is ParameterKind.SECURE:
            secrets[producer] = secret_part(runtimes[producer], secret_keys_of(held.description))
    return runtimes, secrets


def _readable(held: Parameter | None) -> JsonObject:
    if held is None or held.value is None:
        return {}
    try:
        return strictjson.parse_object((intact(held).value or "").encode(), where=held.name)
    except (BadInput, UnicodeEncodeError):
        return {}
