"""Intake of change requests: accept, evaluate, and queue or plan them; a dry run only evaluates."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from karma_core.changes.record import Change
from karma_core.changes.request import ChangeRequest, read_request
from karma_core.changes.states import KIND, State
from karma_core.documents import written
from karma_core.errors import Conflict
from karma_core.masking.masker import masker_of
from karma_core.needs import ChangeIntake
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.changes.planning import fields, judged_fields, plan_change
from karma_core.use_cases.changes.queue import admit, expire, holders
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.shown import requested_secrets
from karma_core.use_cases.changes.simulation import judge_change
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.config_secrets import ShownConfigs


def request(
    workspace: ChangeIntake,
    read: ChangeRequest,
    *,
    proceed: bool = False,
    key_says_all: bool = False,
    **origin: Any,
) -> Change:
    """Accept a request and advance the change as far as it gets without an approval.

    `proceed` says that it is to be applied as soon as it may be. Where nothing can be planned it is judged
    and queued: a run elsewhere plans it. `origin` are fields of the change that say where it comes from (a
    rollback: of what). The same idempotency key gives the same change; Conflict `idempotency-key` where
    something else is asked for under it, unless `key_says_all`: what the key names is asked for once, and how
    it is said follows from what is there. Refused `identity-unproven` or `forged-requester` where the policy
    names persons and the requester is none that is proven. Whatever is wrong with the request is the verdict
    on the change.
    """
    check_binding(workspace)
    if not (read.dry_run or "asked_by" in origin):  # a rollback by policy is its change's requester's
        workspace = require_requester(workspace, read.requested_by)
    expire(workspace)
    change = replace(_new(workspace, read), proceed=proceed, **origin)
    if read.dry_run:
        return _dry_run(workspace, change)
    register = Register(workspace)
    if read.idempotency_key is not None:
        known = register.remember(read.idempotency_key, change.id)
        if known != change.id and workspace.state.document(KIND, known) is not None:
            earlier = register.get(known).change
            if not (key_says_all or origin):
                _require_same(earlier, read)
            return earlier
        change = replace(change, id=known)
    return admit(workspace, change.id, new=change).change


def _require_same(known: Change, read: ChangeRequest) -> None:
    """Refuse another request under the key of a change. Versions may have moved since it was first sent."""
    first, second = (
        [replace(one, base_version=None) for one in asked.components]
        for asked in (read_request(known.request), read)
    )
    if first != second:
        raise Conflict(
            f"the idempotency key is that of the change {known.id}",
            why="that one asks for something else",
            next_step="send each request under a key of its own",
            code="idempotency-key",
            change_id=known.id,
        )


def _new(workspace: ChangeIntake, read: ChangeRequest) -> Change:
    """The change of a request. A secret that it sets is masked in its reason, which everybody reads."""
    now = workspace.now()
    secrets = masker_of(requested_secrets(ShownConfigs(workspace), read))
    read = replace(read, reason=secrets.text(read.reason))
    return Change(
        id=workspace.new_id(),
        environment=workspace.name,
        number=0,
        status=State.PROPOSED,
        request=written(read),
        requested_by=read.requested_by or workspace.actor.user,
        asked_by=workspace.actor.user,
        proof=workspace.actor.proof,
        source=workspace.actor.source,
        reason=read.reason,
        allow_blocked=read.allow_blocked,
        created_at=now,
        updated_at=now,
    )


def _dry_run(workspace: ChangeIntake, change: Change) -> Change:
    """Return the verdict and plan of a change that is not stored: it has no id and cannot be approved.

    One that would have to wait is planned all the same, as if its turn had come now.
    """
    register, planner = Register(workspace), workspace.with_terraform()
    judged = judge_change(workspace, change)
    answer = replace(change, **judged_fields(judged))
    waits_for = holders(replace(answer, number=2**62), register.open())
    if judged.errors:
        answer = replace(answer, status=State.REJECTED, why=judged.why)
    elif planner is None:
        answer = replace(answer, why=judged.left_open or "judged; a worker with Terraform will plan it")
    else:
        decision = plan_change(planner, change, judged)
        answer = replace(answer, status=decision.status, why=decision.why, **fields(judged, decision))
    if waits_for and answer.status is not State.REJECTED:
        said = "; its plan is that of now" if answer.plan_id else ""
        why = f"it overlaps {', '.join(waits_for)}{said}"
        answer = replace(answer, status=State.QUEUED, why=why, waits_for=waits_for)
    answer = replace(answer, id="")
    event = register.log(answer, str(answer.status), dry_run=True, why=answer.why)
    return replace(answer, last_event=event)
