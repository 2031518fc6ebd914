"""The rules in force, as far as one policy alone has them."""

from __future__ import annotations

from karma_core.changes.policy import Policy, read_policy
from karma_core.use_cases.identity import asks_for_persons, proven
from karma_core.workspace import Workspace

__all__ = ["asks_for_persons", "guarded", "may_override", "proven", "rules_in_force", "says_nothing"]


def rules_in_force(workspace: Workspace) -> Policy:
    """The environment's policy."""
    return read_policy(workspace.environment.policy)


def guarded(rules: Policy) -> bool:
    """Whether somebody is named whose word is needed: then the answer to a prompt is no approval."""
    return bool(rules.approvers or rules.distinct_approver or rules.protected)


def says_nothing(rules: Policy) -> bool:
    """Whether there is no rule."""
    return rules == Policy()


def may_override(rules: Policy, user: str) -> str:
    """Why the user may not override the policy; empty where they may."""
    return "" if user in rules.overriders else f"{user} is none of the overriders"
