"""Module facts in a build: taken from the modules where they are, else as the last builder kept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from karma_core import strictjson
from karma_core.errors import Conflict
from karma_core.inference import facts
from karma_core.inference.facts import ModuleFacts
from karma_core.references.base import ModuleInputs
from karma_core.use_cases.values import Values
from karma_core.workspace import Workspace

KIND = "module-facts"
"""Kind of the state store's documents that hold facts, one a type."""


def module_inputs(
    workspace: Workspace, types: Sequence[str], values: Values, pinned: Mapping[str, str]
) -> ModuleInputs:
    """What the ways may know of the modules of these types. A module that cannot be read has no facts.

    `pinned` maps types to digests of modules that stand in for those of now.
    """
    here = bool(workspace.modules.types())
    found: dict[str, ModuleFacts] = {}
    for component_type in types:
        if component_type in pinned:
            one = _pinned(workspace, component_type, values, pinned[component_type])
        else:
            one = _here(workspace, component_type, values) if here else _kept(workspace, component_type)
        if one is not None:
            found[component_type] = one
    environment = workspace.environment
    return ModuleInputs(facts=found, region=environment.region, variables=environment.variables)


def _pinned(workspace: Workspace, component_type: str, values: Values, digest: str) -> ModuleFacts | None:
    found = workspace.modules.archived_facts(digest, component_type)
    return found or _here(workspace, component_type, values)


def _here(workspace: Workspace, component_type: str, values: Values) -> ModuleFacts | None:
    if values.module(f"{component_type}/x") is None:
        return None  # there is none, or it is unreadable, which is a finding already
    return workspace.modules.facts(component_type)


def _kept(workspace: Workspace, component_type: str) -> ModuleFacts | None:
    document = workspace.state.document(KIND, component_type)
    if document is None:
        return None
    try:
        return facts.decode(strictjson.canonical(document.body))
    except msgspec.MsgspecError:
        return None  # written by another version; whoever has the modules writes it anew


def keep_facts(workspace: Workspace, modules: ModuleInputs) -> None:
    """Keep the facts with the environment's state, for a process that has no modules. Unchanged ones stay."""
    if not workspace.modules.types():
        return
    for component_type, one in sorted(modules.facts.items()):
        body = strictjson.parse_object(facts.encode(one), where=component_type)
        document = workspace.state.document(KIND, component_type)
        if document is not None and document.body == body:
            continue
        try:
            workspace.state.put_document(
                KIND, component_type, body, revision=document.revision if document else 0
            )
        except Conflict:
            continue  # another builder was faster; the next build compares again
