"""Static faults of modules: what is wrong in their files, whatever the configs are.

Terraform is asked once for each digest and version of the engine (`ports.Terraform`), so that a fleet of many
components and few types pays for its types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from karma_core.errors import BadInput, KarmaError, StoreError
from karma_core.graph.types import type_finding
from karma_core.ids import type_of
from karma_core.masking.errors import without_secrets
from karma_core.model import Finding, Severity, about_type
from karma_core.needs import ComponentPlanning, ModuleChecking
from karma_core.use_cases.fleet.config_secrets import definition_now
from karma_core.use_cases.fleet.fleet import Fleet

MODULE_INVALID = "module-invalid"
MODULE_UNCHECKED = "module-unchecked"
"""Code of the warning that nobody could ask about a module: what it needs could not be fetched."""


def any_invalid(workspace: ComponentPlanning, fleet: Fleet, addresses: Iterable[str]) -> bool:
    """Whether the module of one of the components has a static fault. One question a type, side by side."""
    first = {type_of(address): address for address in sorted(addresses, reverse=True)}

    def is_invalid(address: str) -> bool:
        try:
            workspace.terraform.require_valid(fleet.job(address, fleet.module(address)))
        except StoreError:
            raise
        except KarmaError as error:
            return error.code == MODULE_INVALID  # another one is said where the component is planned
        return False

    with ThreadPoolExecutor(workspace.environment.parallelism) as threads:
        return any(list(threads.map(is_invalid, first.values())))


def module_findings(workspace: ModuleChecking, of_graph: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """`module-invalid` for every fault of every type's module, `module-unchecked` where nobody could look.

    A type whose module Karma itself cannot read has its finding in the graph (`of_graph`), if it has
    components; it is not repeated.
    """
    said = {(one.code, one.component) for one in of_graph}

    def findings_of(component_type: str) -> list[Finding]:
        findings = _findings(workspace, component_type)
        return [one for one in findings if (one.code, one.component) not in said]

    with ThreadPoolExecutor(workspace.environment.parallelism) as threads:
        return tuple(f for of_type in threads.map(findings_of, workspace.modules.types()) for f in of_type)


def _findings(workspace: ModuleChecking, component_type: str) -> Iterator[Finding]:
    try:
        engine = definition_now(workspace, component_type).terraform
        module = workspace.modules.module(component_type)
        faults = workspace.terraform.faults(module, engine) if module is not None else ()
    except BadInput as error:
        yield type_finding(error.code, component_type, f"{error.what}: {error.why}. {error.next_step}.")
    except StoreError:
        raise
    except KarmaError as raised:
        said = without_secrets(raised, workspace.known_secrets.masker(component_type))
        yield Finding(
            code=MODULE_UNCHECKED,
            severity=Severity.WARNING,
            component=about_type(component_type),
            pointer="",
            message=f"{said.what}: {said.why}",
        )
    else:
        for fault in faults:
            yield type_finding(MODULE_INVALID, component_type, fault)
