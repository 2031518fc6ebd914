"""Who may restore: where a policy names persons, an admin, proven by a token.

The state store that knows tokens may be what was lost. So a token counts, too, that the backup knows, and the
policy that the backup brings counts beside the one that is in force here.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TypeVar

from karma_core.decoding import convert
from karma_core.errors import BadInput, Refused
from karma_core.needs import BackupSource
from karma_core.policy.published import parameter_name, read_published
from karma_core.policy.rules import Rules
from karma_core.roles import Role
from karma_core.use_cases.access import tokens
from karma_core.use_cases.access.policy_in_force import rules_on_policies
from karma_core.use_cases.access.tokens import Token
from karma_core.use_cases.backup.examining import Copied
from karma_core.workspace import Actor

_Source = TypeVar("_Source", bound=BackupSource)


def require_admin(workspace: _Source, copied: Copied, text: str) -> _Source:
    """The workspace as whom the token proves; Refused `role-too-low` where an admin is wanted and is not."""
    actor = _proven(workspace, copied, text)
    if not _names_persons(workspace, copied):
        return workspace.acting_as(actor)
    if actor.role is not None and actor.role.includes(Role.ADMIN):
        return workspace.acting_as(actor)
    raise Refused(
        f"the backup was not restored into {workspace.name}",
        why="its policy names persons, and nothing proves that an admin asks",
        next_step="set KARMA_TOKEN to an admin's token, of the environment as it is or as it was backed up",
        code="role-too-low",
    )


def _names_persons(workspace: BackupSource, copied: Copied) -> bool:
    rules = rules_on_policies(workspace)
    if rules.asks_requester or rules.asks_approver:
        return True
    wanted = parameter_name(workspace.prefix)
    policy = next((kept.versions[-1].value for kept in copied.parameters() if kept.name == wanted), None)
    if policy is None:
        return False
    try:
        published = read_published(policy, where=wanted)
    except BadInput:
        return True  # a policy that cannot be read is never taken for none
    backed_up = Rules(policies=(published.rules,))
    return backed_up.asks_requester or backed_up.asks_approver


def _proven(workspace: BackupSource, copied: Copied, text: str) -> Actor:
    """Who the token says it is, by the tokens that are here or in the backup; the actor unchanged without."""
    if not text:
        return workspace.actor
    token = tokens.recognise(workspace, text.strip()) or _in_backup(workspace, copied, text.strip())
    if token is None:
        raise Refused(
            "the token does not count",
            why=f"neither {workspace.name} nor the backup knows it, or it has expired or was revoked",
            next_step="set KARMA_TOKEN to a token of the environment, or unset it",
            code="token-not-recognised",
        )
    return replace(workspace.actor, user=token.user, proof="token", role=token.role)


def _in_backup(workspace: BackupSource, copied: Copied, text: str) -> Token | None:
    wanted = tokens.digest_of(text)
    for row in copied.rows():
        if row.kind == "document" and row.body.get("kind") == tokens.KIND:
            token = convert(row.body["body"], Token)
            if hmac.compare_digest(token.digest, wanted) and token.usable(workspace.now()):
                return token
    return None
