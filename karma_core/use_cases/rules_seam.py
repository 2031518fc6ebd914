"""The rules in force, as far as one policy alone has them."""

from __future__ import annotations

from karma_core.changes.policy import Policy, read_policy
from karma_core.workspace import Actor, Workspace


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


def asks_for_persons(rules: Policy) -> bool:
    """Whether a rule names who may ask for something: then who asks has to be proven."""
    return bool(rules.requesters)


def proven(workspace: Workspace) -> Actor:
    """Who acts, proven as far as the environment can."""
    return workspace.actor
