"""Emergency override: persons whom the policy names set freezes and approvals aside, and the log says so.

What a config must not hold (references into other environments), and who may ask, is never set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from karma_core.errors import Refused
from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.needs import ConfigStore, HasLog
from karma_core.outcomes import Phase
from karma_core.policy.rules import may_override
from karma_core.use_cases.access.identity import proven
from karma_core.use_cases.access.policy_evaluation import OVERRIDABLE
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.changes.judged import Judged
from karma_core.workspace import Actor

ACTION = "policy_override"


def require_overrider(workspace: ConfigStore, reason: str) -> Actor:
    """Return the proven actor who overrides the policy.

    Refused `not-overrider`, and logged as denied, where the policy does not name this user as an overrider.
    """
    actor = proven(workspace)
    forbidden = may_override(rules_in_force(workspace), actor.user)
    if not forbidden:
        return actor
    _log(workspace, actor, "denied", {"reason": reason, "why": forbidden})
    raise Refused(
        "the policy is not overridden",
        why=forbidden,
        next_step="ask one of those whom `overriders` in [policy] names, or for an approval",
        code="not-overrider",
    )


def override_policy(
    workspace: ConfigStore,
    reason: str,
    rules: Sequence[str],
    *,
    plan: str | None = None,
    kind: str = "change",
) -> str:
    """Log who overrides which rules, why and for what; returns the event's id.

    It is written before anything is applied. Refused as `require_overrider`.
    """
    actor = require_overrider(workspace, reason)
    return _log(
        workspace,
        actor,
        Phase.SUCCEEDED,
        {"reason": reason, "rules": list(rules), "plan": plan, "kind": kind},
    )


def _log(workspace: HasLog, actor: Actor, status: str, inputs: JsonObject) -> str:
    return log_event(workspace, ACTION, status, user=actor.user, source=actor.source, inputs=inputs)


def without_overridden(judged: Judged) -> Judged:
    """Return the verdict without the findings that an override sets aside."""
    return replace(judged, findings=tuple(f for f in judged.findings if f.code not in OVERRIDABLE))
