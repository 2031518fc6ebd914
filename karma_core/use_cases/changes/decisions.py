"""Decisions of people on a change: approve, reject, cancel, retry."""

from __future__ import annotations

from typing import Any, TypeVar

from karma_core.changes.record import Approval, Change
from karma_core.changes.states import State
from karma_core.errors import Conflict, Refused
from karma_core.needs import ChangeIntake, ConfigStore, Context
from karma_core.policy.rules import may_approve, may_request
from karma_core.roles import Role
from karma_core.use_cases.access.denial import denied
from karma_core.use_cases.access.identity import proven, require_requester
from karma_core.use_cases.access.policy_in_force import rules_in_force, rules_on_policies
from karma_core.use_cases.changes.queue import admit, expire
from karma_core.use_cases.changes.register import Kept, Register, admission, refuse_if_worked_on

_ConfigStore = TypeVar("_ConfigStore", bound=ConfigStore)


def approve(workspace: ConfigStore, change_id: str, *, why: str = "", digest: str | None = None) -> Change:
    """Approve the plan that a change shows.

    `digest` is that of the plan that the approver saw: Conflict `plan-moved` where it is another by now.
    Refused `not-approver` where the policy does not let this user approve, `identity-unproven` where it names
    approvers and nothing proves who this is.
    """
    register, kept = _get(workspace, change_id)
    change = kept.change
    if digest is not None and digest != change.digest:
        raise Conflict(
            f"the plan of change {change_id} is not the one that was seen",
            why="it was re-planned in the meantime",
            next_step=f"look at it again: `karma change show {change_id}`",
            code="plan-moved",
        )
    if change.status is State.AWAITING_APPROVAL:
        workspace = _require_approver(workspace, change)
        register = Register(workspace)
    actor = workspace.actor
    given = Approval(by=actor.user, at=workspace.now(), why=why, digest=change.digest, proof=actor.proof)
    said = f"approved by {given.by}" + (f": {why}" if why else "")
    if change.status is State.APPROVED:
        return change  # no approval is needed, or it was given
    return register.move(kept, State.APPROVED, said, approval=given).change


def _require_approver(workspace: _ConfigStore, change: Change, *, rejects: bool = False) -> _ConfigStore:
    """The workspace of an approver, proven where the policy names approvers.

    Where it wants another than the requester, that one must have been proven, too; a no needs none of it.
    """
    rules = (rules_on_policies if change.kind == "policy" else rules_in_force)(workspace)
    if rules.asks_approver:
        workspace = workspace.acting_as(proven(workspace))
    actor = workspace.actor
    if rules.asks_distinct and not change.proof and not rejects:
        why = (
            f"{change.requested_by} was only said to request it, and another than the requester must approve"
        )
        said = "cancel the change, and have it requested again by somebody who is proven"
        raise denied(
            workspace,
            code="identity-unproven",
            what=f"change {change.id} cannot be approved",
            why=why,
            next_step=said,
        )
    next_step = "ask one of the approvers that [policy] names"
    forbidden = may_approve(rules, actor.user, change.requested_by, change.asked_by)
    if rules.asks_approver and actor.role is not None and not actor.role.includes(Role.APPROVER):
        forbidden = forbidden or f"the role of {actor.user} is {actor.role}"
    if change.kind == "policy":
        next_step = f"{next_step}, an admin"
    if change.kind == "policy" and not (rejects or forbidden):
        forbidden = _is_no_admin(workspace)
        next_step = "set KARMA_TOKEN to an admin's token; `karma token create NAME --role admin` makes one"
    if not forbidden:
        return workspace
    Register(workspace).log(change, "denied", why=forbidden)
    raise Refused(
        f"change {change.id} cannot be approved by {actor.user}",
        why=forbidden,
        next_step=next_step,
        code="not-approver",
    )


def _is_no_admin(workspace: Context) -> str:
    """Return why the user is not known to be an admin, whom a policy needs; empty if they are."""
    actor = workspace.actor if workspace.actor.proof else workspace.prove(workspace.actor)
    if actor.proof and actor.role is not None and actor.role.includes(Role.ADMIN):
        return ""
    return "a policy is approved by an admin, and nothing proves that this is one"


def reject(workspace: ConfigStore, change_id: str, *, why: str = "") -> Change:
    """Reject a waiting change; Refused `not-approver` as for an approval."""
    register, kept = _get(workspace, change_id)
    workspace = _require_approver(workspace, kept.change, rejects=True)
    register = Register(workspace)
    said = f"rejected by {workspace.actor.user}" + (f": {why}" if why else "")
    return register.move(kept, State.REJECTED, said).change


def cancel(workspace: ConfigStore, change_id: str, *, why: str = "") -> Change:
    """Cancel a change that is not being applied."""
    register, kept = _get(workspace, change_id)
    said = f"cancelled by {workspace.actor.user}" + (f": {why}" if why else "")
    return register.move(kept, State.CANCELLED, said).change


def retry(workspace: ChangeIntake, change_id: str, *, proceed: bool = False) -> Change:
    """Try a change again that failed or was stopped: it is judged, planned and approved anew.

    What it wrote stays written; where that has been changed since, it is rejected. It is not rolled back by
    policy any more, as long as it does not fail again. `proceed`: it is applied as soon as it may be, as a
    change is that was requested so. Refused, as a request is, where the policy says who may ask and this is
    nobody of them; `change-state` for a change that neither failed nor was stopped.
    """
    return try_again(_require_retrier(workspace), change_id, proceed=proceed)


def _require_retrier(workspace: _ConfigStore) -> _ConfigStore:
    """The workspace of somebody who may request changes, proven where the policy names persons."""
    workspace = require_requester(workspace, "")
    user = workspace.actor.user
    if may_request(rules_in_force(workspace), user):
        return workspace
    raise denied(
        workspace,
        code="policy-requester",
        what="the change is not tried again",
        why=f"{user} may not request changes here",
        next_step="ask somebody who may",
    )


def try_again(workspace: ChangeIntake, change_id: str, *, proceed: bool = False) -> Change:
    """Retry a change whose apply was interrupted, without checking who asks."""
    register = Register(workspace)
    with admission(workspace):
        kept = register.get(change_id)
        if kept.change.kind == "policy":
            raise Refused(
                f"change {change_id} is not tried again",
                why="a policy is requested as the checkout has it now",
                next_step="request it again: `karma policy publish`",
                code="change-state",
            )
        if kept.change.status not in {State.FAILED, State.STOPPED}:
            raise Refused(
                f"change {change_id} is not tried again",
                why=f"it is {kept.change.status}, neither failed nor stopped",
                next_step=f"`karma change show {change_id}` says how it came to this",
                code="change-state",
            )
        again: dict[str, Any] = {"number": register.next_number(), "approval": None, "waits_for": ()}
        again |= {"take_back": False, "token": ""}  # no plan of before is taken again
        again["proceed"] = proceed or kept.change.proceed
        register.move(kept, State.QUEUED, f"tried again by {workspace.actor.user}", **again)
    return admit(workspace, change_id).change


def _get(workspace: ConfigStore, change_id: str) -> tuple[Register, Kept]:
    """Load a change; LeaseHeld while a process works on it. Overdue changes are expired first."""
    register = Register(workspace)
    change = register.get(change_id).change
    refuse_if_worked_on(workspace, change_id)
    expire(workspace, for_policy=change.kind == "policy")
    return register, register.get(change_id)
