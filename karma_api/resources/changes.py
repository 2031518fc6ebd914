"""Changes: requested, listed, decided on, taken back."""

from __future__ import annotations

from msgspec.structs import replace

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.names import Address, Id, Reason
from karma_api.paging import Page, PageAsked, behind, page
from karma_api.resources.change_runs import ChangeResult, let_go_on, may_go_on, place_of, result, start
from karma_api.route import Answered, Asked, Handler, Route
from karma_api.service import Service
from karma_core.changes.request import ChangeRequest
from karma_core.changes.states import State
from karma_core.documents import Document
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.changes import decisions, intake, reading
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.rollback import roll_back, roll_back_cone


class RequestAsked(Asked, frozen=True, kw_only=True):
    """A change. With `apply`, it is applied as soon as it may be; else somebody has to say so."""

    apply: bool = True
    body: ChangeRequest


class ChangesAsked(PageAsked, frozen=True, kw_only=True):
    """Request for a list of changes."""

    status: State | None = None


class ChangeAsked(Asked, frozen=True, kw_only=True):
    """One change."""

    change_id: Id


class Approval(Document, frozen=True, kw_only=True):
    """Why, and the digest of the plan that was seen; `apply`: at once."""

    reason: Reason = ""
    digest: str | None = None
    apply: bool = True


class Decision(Document, frozen=True, kw_only=True):
    """Why."""

    reason: Reason = ""


class TakeBack(Document, frozen=True, kw_only=True):
    """Options of a rollback."""

    reason: Reason = ""
    include_later: bool = False
    dry_run: bool = False
    apply: bool = True


class ApproveAsked(ChangeAsked, frozen=True, kw_only=True):
    """Which change, and what is said to it."""

    body: Approval = Approval()


class DecideAsked(ChangeAsked, frozen=True, kw_only=True):
    """Which change, and what is said to it."""

    body: Decision = Decision()


class RollbackAsked(ChangeAsked, frozen=True, kw_only=True):
    """Request for the rollback of a change."""

    body: TakeBack = TakeBack()


class Restoration(Document, frozen=True, kw_only=True):
    """The component whose cone is restored to its last good configs, with options."""

    component: Address
    reason: Reason = ""
    dry_run: bool = False
    apply: bool = True


class RestoreAsked(Asked, frozen=True, kw_only=True):
    """Request for the restoration of a cone."""

    body: Restoration


class AllGoOn(Answered, kw_only=True):
    """The changes whose runs were started."""

    change_ids: list[str]


def request(service: Service, caller: Caller, asked: RequestAsked) -> Reply:
    """Judge and plan a change, keep it, and start its run where nothing holds it back.

    Who requests is who calls, whatever the document says; Refused `forged-requester` where the policy names
    persons and the document another one.
    """
    workspace = service.acting(caller)
    if not asked.body.dry_run:
        require_requester(workspace, asked.body.requested_by)
    read = replace(asked.body, requested_by=caller.user)
    change = intake.request(workspace, read, proceed=asked.apply)
    return result(service, caller, change)


def list_changes(service: Service, caller: Caller, asked: ChangesAsked) -> JsonObject:
    """A page of changes, newest first, with their places in the queue."""
    changes = reading.list_changes(service.acting(caller), status=asked.status)
    rest = behind(changes, asked.after, _id)
    return page(rest, asked.limit, cursor=_id, show=dict)


def _id(line: JsonObject) -> str:
    return str(line["change_id"])


def show(service: Service, caller: Caller, asked: ChangeAsked) -> JsonObject:
    """All that is known of a change."""
    return reading.show(service.acting(caller), asked.change_id)


def approve(service: Service, caller: Caller, asked: ApproveAsked) -> Reply:
    """Approve the plan that the change shows, and start its run."""
    said = asked.body
    workspace = service.acting(caller)
    change = decisions.approve(workspace, asked.change_id, why=said.reason, digest=said.digest)
    if said.apply:
        start(service, caller, change)
    return Reply(document=reading.result_of(workspace, change))


def reject(service: Service, caller: Caller, asked: DecideAsked) -> JsonObject:
    """Reject a change."""
    workspace = service.acting(caller)
    change = decisions.reject(workspace, asked.change_id, why=asked.body.reason)
    let_go_on(service, caller, change)
    return reading.result_of(workspace, change)


def cancel(service: Service, caller: Caller, asked: DecideAsked) -> JsonObject:
    """Cancel a change that is not being applied."""
    workspace = service.acting(caller)
    change = decisions.cancel(workspace, asked.change_id, why=asked.body.reason)
    let_go_on(service, caller, change)
    return reading.result_of(workspace, change)


def retry(service: Service, caller: Caller, asked: ChangeAsked) -> Reply:
    """Try a change again that failed or was stopped."""
    change = decisions.retry(service.acting(caller), asked.change_id)
    return result(service, caller, change)


def apply(service: Service, caller: Caller, asked: ChangeAsked) -> Reply:
    """Start the run of a change that is approved, or that waits."""
    workspace = service.acting(caller)
    change = Register(workspace).get(asked.change_id).change
    if not may_go_on(change):
        return Reply(document=reading.result_of(workspace, change))
    start(service, caller, change, key=workspace.new_id())  # asked for anew: an earlier run may have died
    return Reply(document=reading.result_of(workspace, change), status=202, headers=place_of(change))


def rollback(service: Service, caller: Caller, asked: RollbackAsked) -> Reply:
    """Request the change that brings the old configs back."""
    said = asked.body
    change = roll_back(
        service.acting(caller),
        asked.change_id,
        reason=said.reason,
        include_later=said.include_later,
        dry_run=said.dry_run,
        proceed=said.apply,
    )
    return result(service, caller, change)


def restore(service: Service, caller: Caller, asked: RestoreAsked) -> Reply:
    """Request the change that brings a component and all that depends on it to their last good configs."""
    said = asked.body
    change = roll_back_cone(
        service.acting(caller),
        said.component,
        reason=said.reason,
        dry_run=said.dry_run,
        proceed=said.apply,
    )
    return result(service, caller, change)


def apply_all(service: Service, caller: Caller, _asked: Asked) -> JsonObject:
    """Start the run of every change that is approved, or that waits, in the order of acceptance."""
    workspace = service.acting(caller)
    changes = [change for change in Register(workspace).open() if may_go_on(change)]
    for change in changes:
        start(service, caller, change, key=workspace.new_id())
    return {"change_ids": [change.id for change in changes]}


def _act(name: str, role: Role, handler: Handler, summary: str, asked: type[Asked], *more: int) -> Route:
    """One of the acts on a change: each a POST of its own below the change."""
    return Route(
        name=f"change-{name}",
        method="POST",
        path=f"/changes/{{change_id}}/{name}",
        role=role,
        handler=handler,
        summary=summary,
        tag="changes",
        asked=asked,
        answered=ChangeResult,
        statuses=(409, 422, *more),
    )


ROUTES = (
    Route(
        name="request-change",
        method="POST",
        path="/request-change",
        role=Role.OPERATOR,
        handler=request,
        summary="Request a change: the verdict, the plan, and its run",
        tag="changes",
        asked=RequestAsked,
        answered=ChangeResult,
        statuses=(202, 409, 422),
    ),
    Route(
        name="changes",
        method="GET",
        path="/changes",
        role=Role.VIEWER,
        handler=list_changes,
        summary="Changes, newest first",
        tag="changes",
        asked=ChangesAsked,
        answered=Page,
    ),
    Route(
        name="change",
        method="GET",
        path="/changes/{change_id}",
        role=Role.VIEWER,
        handler=show,
        summary="One change, whole",
        tag="changes",
        asked=ChangeAsked,
        answered=ChangeResult,
    ),
    _act("approve", Role.APPROVER, approve, "Approve a change's plan", ApproveAsked),
    _act("reject", Role.APPROVER, reject, "Say no to a change", DecideAsked),
    _act("cancel", Role.OPERATOR, cancel, "Take a waiting change back", DecideAsked),
    _act("retry", Role.OPERATOR, retry, "Try a failed change again", ChangeAsked, 202),
    _act("apply", Role.OPERATOR, apply, "Start the run of an approved change", ChangeAsked, 202),
    _act("rollback", Role.OPERATOR, rollback, "Take an applied change back by a new one", RollbackAsked, 202),
    Route(
        name="changes-apply",
        method="POST",
        path="/changes/apply",
        role=Role.OPERATOR,
        handler=apply_all,
        summary="Start the runs of all changes that may go on",
        tag="changes",
        answered=AllGoOn,
        status=202,
    ),
    Route(
        name="cone-rollback",
        method="POST",
        path="/rollbacks",
        role=Role.OPERATOR,
        handler=restore,
        summary="Bring a component and all that depends on it to their last good configs",
        tag="changes",
        asked=RestoreAsked,
        answered=ChangeResult,
        statuses=(202, 409, 422),
    ),
)
