"""The rules that are in force in an environment: the checkout's and the published ones, each satisfied."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from msgspec.structs import replace

from karma_core.checksum import is_damaged
from karma_core.component_types import TypeDefinition
from karma_core.documents import written
from karma_core.errors import BadInput
from karma_core.graph.types import read_definitions
from karma_core.model import Finding, Severity, about_environment
from karma_core.needs import FleetSource, HasModules, HasState, PolicySource
from karma_core.policy.document import read_policy
from karma_core.policy.identities import read_identities
from karma_core.policy.published import (
    Protection,
    PublishedPolicy,
    laxer,
    parameter_name,
    read_published,
)
from karma_core.policy.rules import Rules
from karma_core.use_cases.graph.build import definition_of

PUBLISHED: Final = "published-policy"
"""Kind of the one document of the state store that says that a policy was published, and by which change."""


def rules_in_force(workspace: PolicySource) -> Rules:
    """The rules of now. One parameter read; BadInput `policy-unreadable`.

    Where a policy is published, its identities count alone, also where it has none: a checkout must not make
    one person of another.
    """
    settings = workspace.environment
    local, identities = read_policy(settings.policy), read_identities(settings.identities)
    published = read_in_force(workspace)
    if published is None:
        return Rules(policies=(local,), identities=identities)
    same = published.rules == local
    return Rules(
        policies=(local,) if same else (published.rules, local),
        identities=published.people,
        types=published.types,
        shares=published.shares,
    )


def rules_on_policies(workspace: PolicySource) -> Rules:
    """The rules on the publication of a policy: the checkout's alone where the published one cannot be read.

    Else nobody could replace what cannot be read; an admin has to approve the new one in any case.
    """
    settings = workspace.environment
    try:
        return rules_in_force(workspace)
    except BadInput:
        return Rules(
            policies=(read_policy(settings.policy),), identities=read_identities(settings.identities)
        )


def read_in_force(workspace: PolicySource) -> PublishedPolicy | None:
    """The published policy, None where none was ever published; BadInput `policy-unreadable`.

    One that was published and is not there any more is never taken for none.
    """
    name = parameter_name(workspace.prefix)
    held = workspace.parameters.get(name)
    if held is None:
        _refuse_if_lost(workspace, name)
        return None
    if held.value is None:
        raise BadInput(
            f"the published policy in {name} cannot be read",
            why="it is a SecureString",
            next_step="publish it anew: `karma policy publish`; until then nothing is applied",
            code="policy-unreadable",
        )
    if is_damaged(held):
        raise BadInput(
            f"the published policy in {name} cannot be read",
            why="it is damaged: its checksum differs",
            next_step="publish it anew: `karma policy publish`; until then nothing is applied",
            code="policy-unreadable",
        )
    return read_published(held.value, where=name)


def note_published(workspace: HasState, change_id: str) -> None:
    """Note in the state store that a policy is published: from now on its absence is a loss."""
    workspace.state.put_document(PUBLISHED, "policy", {"change": change_id})


def _refuse_if_lost(workspace: HasState, name: str) -> None:
    noted = workspace.state.document(PUBLISHED, "policy")
    if noted is not None:
        raise BadInput(
            f"the published policy in {name} is gone",
            why=f"change {noted.body['change']} published it, and the parameter is not there",
            next_step="publish it anew: `karma policy publish`; until then nothing is applied",
            code="policy-unreadable",
        )


def local_policy(workspace: HasModules) -> PublishedPolicy:
    """Return the policy that this checkout would publish: its settings and what its types protect.

    A type whose definition cannot be read is left out; `unreadable_types` names those.
    """
    settings = workspace.environment
    definitions = definitions_of(workspace, workspace.modules.types())
    return PublishedPolicy(
        policy=written(read_policy(settings.policy)),
        identities={person: list(names) for person, names in sorted(settings.identities.items())},
        types={
            name: Protection(
                protected=definition.protected, protected_fields=sorted(definition.protected_fields)
            )
            for name, definition in sorted(definitions.items())
            if definition.protected or definition.protected_fields
        },
        shares={
            name: sorted(definition.share_secrets_with)
            for name, definition in sorted(definitions.items())
            if definition.share_secrets_with
        },
    )


def unreadable_types(workspace: HasModules) -> tuple[Finding, ...]:
    """Return a finding `component-type` for each type whose protected fields cannot be read."""
    types = workspace.modules.types()
    return tuple(read_definitions(types, lambda name: definition_of(workspace, name))[1])


def definitions_of(workspace: HasModules, types: Collection[str]) -> dict[str, TypeDefinition]:
    """Return the definitions of the types that have a readable one."""
    return read_definitions(types, lambda name: definition_of(workspace, name))[0]


def policy_differs(workspace: FleetSource) -> Iterator[Finding]:
    """`policy-differs`: a warning of the environment where the checkout's policy is laxer than published."""
    published = read_in_force(workspace)
    if published is None:
        return
    local = replace(local_policy(workspace), identities=published.identities)
    if not workspace.modules.types():  # a process without a checkout knows no types
        local = replace(local, types=published.types, shares=published.shares)
    differences = list(laxer(local, published))
    if differences:
        yield Finding(
            code="policy-differs",
            severity=Severity.WARNING,
            component=about_environment(workspace.name),
            pointer="",
            message=f"the policy of this checkout is laxer than the published one, which holds: "
            f"{'; '.join(differences)}. `karma policy show` shows both.",
        )
