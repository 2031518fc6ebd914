"""The identity of a caller: proven where the policy names persons, otherwise as the caller states it.

A proof is a Karma token, an OIDC token, AWS's caller identity, a signed webhook or an authorizer of API
Gateway. What proves beside tokens on the command line is `Workspace.prove`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from karma_core.issuers import Issuers
from karma_core.needs import ConfigStore, HasLog, PolicySource, RecordsAndLog
from karma_core.roles import Role
from karma_core.use_cases.access.denial import NOBODY, denied
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.access.tokens import recognise
from karma_core.workspace import Actor

_PolicySource = TypeVar("_PolicySource", bound=PolicySource)
_ConfigStore = TypeVar("_ConfigStore", bound=ConfigStore)

HOW: Final = (
    "set KARMA_TOKEN to your token (`karma token create` makes one), use the API with it, "
    "or sign in to AWS where the environment has a section `aws`"
)


def by_token(workspace: RecordsAndLog, text: str, issuers: Issuers | None = None) -> Actor:
    """Return the actor that a token's text proves; else Refused `token-not-recognised`, logged as denied.

    A token of Karma's counts in its environment only, and no longer once it has expired or been revoked; one
    of an issuer where its claims give a role.
    """
    token = recognise(workspace, text.strip())
    person = issuers.person(text.strip(), workspace.name) if token is None and issuers is not None else None
    if person is not None:
        return replace(workspace.actor, user=person.user, proof=person.proof, role=person.role)
    if token is None:
        why = f"it is unknown in {workspace.name}, has expired, or was revoked"
        said = f"set KARMA_TOKEN to a token of {workspace.name}, or unset it"
        raise denied(
            workspace,
            code="token-not-recognised",
            what="the token does not count",
            why=why,
            next_step=said,
            user=NOBODY,
        )
    return replace(workspace.actor, user=token.user, proof="token", role=token.role)


def proven_if_possible(workspace: _PolicySource) -> _PolicySource:
    """Return the workspace with a proven actor if a proof exists and the policy names persons."""
    if workspace.actor.proof or not rules_in_force(workspace).asks_requester:
        return workspace
    return workspace.acting_as(workspace.prove(workspace.actor))


def proven(workspace: HasLog) -> Actor:
    """Return the proven actor; Refused `identity-unproven`, logged as denied, if nothing proves who acts."""
    actor = workspace.actor if workspace.actor.proof else workspace.prove(workspace.actor)
    if actor.proof:
        return actor
    why = f"the policy of {workspace.name} names persons, and {actor.user} is only said"
    raise denied(
        workspace, code="identity-unproven", what="nothing proves who asks for this", why=why, next_step=HOW
    )


def require_requester(workspace: _ConfigStore, said: str) -> _ConfigStore:
    """The workspace of a requester, proven where the policy names persons.

    `said` is whom a request names as its requester; empty: nobody. Refused, logged as denied: with
    `forged-requester` where that is another than the proven one, with `role-too-low` where the proof carries
    a role that may request nothing over the API, either.
    """
    rules = rules_in_force(workspace)
    if not rules.asks_requester:
        return workspace
    actor = proven(workspace)
    if actor.role is not None and not actor.role.includes(Role.OPERATOR):
        why = f"it needs the role {Role.OPERATOR}, the token of {actor.user} has {actor.role}"
        next_step = f"use a token with the role {Role.OPERATOR}"
        raise denied(
            workspace, code="role-too-low", what="the request is not taken", why=why, next_step=next_step
        )
    if said and not rules.identities.same(said, actor.user):
        why = f"it says that {said} requests it, and {actor.user} does"
        next_step = "leave requested_by out of the request"
        raise denied(
            workspace, code="forged-requester", what="the request is not taken", why=why, next_step=next_step
        )
    return workspace.acting_as(actor)
