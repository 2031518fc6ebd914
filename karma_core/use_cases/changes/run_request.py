"""The change that a deploy or destroy becomes when it needs an approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from karma_core.changes.digest import digest
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.model import to_builtins
from karma_core.needs import ChangeIntake, Context
from karma_core.plan.document import Plan
from karma_core.use_cases.access.policy_evaluation import moved_by
from karma_core.use_cases.changes.planning import canonical_run
from karma_core.use_cases.changes.queue import admit, expire
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.run_judgement import versions_of
from karma_core.use_cases.fleet.fleet import Fleet

if TYPE_CHECKING:
    from karma_core.use_cases.runs.records import Order


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An order with its plan, why it needs an approval, and the environment that was planned."""

    order: Order
    plan: Plan
    needs: tuple[str, ...]
    fleet: Fleet


def request_run(workspace: ChangeIntake, wanted: Wanted, *, token: str) -> Change:
    """The change that a run becomes; the open one of the same kind and plan, where there is one already.

    It holds its part of the graph like any change, and is applied as soon as it is approved. `token` is of
    what the plan was made from.
    """
    expire(workspace)
    change = _new(workspace, wanted, token)
    known = [c for c in Register(workspace).open() if _same(c, change)]
    if known:
        return known[0]
    return admit(workspace, change.id, new=change).change


def _same(known: Change, new: Change) -> bool:
    """Whether a waiting change does the same: an order that a schedule repeats is one change."""
    waits = known.status is not State.APPLYING
    return waits and (known.kind, known.resumes, known.digest) == (new.kind, new.resumes, new.digest)


def _new(workspace: Context, wanted: Wanted, token: str) -> Change:
    order, now = wanted.order, workspace.now()
    kind: Literal["deploy", "destroy"] = "destroy" if order.kind == "destroy" else "deploy"
    versions = versions_of(wanted.fleet, kind, moved_by(wanted.plan))
    canonical = canonical_run(wanted.plan, versions)
    return Change(
        id=workspace.new_id(),
        environment=workspace.name,
        number=0,
        status=State.PROPOSED,
        request={},
        requested_by=workspace.actor.user,
        asked_by=workspace.actor.user,
        proof=workspace.actor.proof,
        source=workspace.actor.source,
        reason="",
        created_at=now,
        updated_at=now,
        kind=kind,
        selection=None if order.kind == "resume" else to_builtins(order.selection),
        resumes=order.run_id,
        allow_blocked=order.allow_blocked,
        cone=canonical.cone,
        versions=canonical.versions,
        needs=wanted.needs,
        plan_id=wanted.plan.id,
        digest=digest(canonical),
        token=token,
        proceed=True,
    )
