"""Changes: requested, listed, decided on, taken back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.names import Id, Reason
from karma_api.paging import Page, PageAsked, behind, page
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.changes.record import Change
from karma_core.changes.request import ChangeRequest
from karma_core.changes.states import WAITING, State
from karma_core.roles import Role
from karma_core.use_cases.changes import decisions, intake, reading
from karma_core.use_cases.changes.graph_update import update_graph
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.rollback import roll_back

FLOW = "change-run"


class RequestAsked(Asked):
    """A change. With `apply`, it is applied as soon as it may be; else somebody has to say so."""

    apply: bool = True
    body: ChangeRequest


class ChangeResult(Answered):
    """The result document, the same from every door."""

    change_id: str | None
    status: State
    affected_components: list[str]
    warnings: list[str]
    findings: list[dict[str, Any]]
    plan: dict[str, Any] | None
    log_entry_id: str | None


class ChangesAsked(PageAsked):
    """Which changes."""

    status: State | None = None


class ChangeAsked(Asked):
    """One change."""

    change_id: Id


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approval(_Body):
    """Why, and the digest of the plan that was seen; `apply`: at once."""

    reason: Reason = ""
    digest: str | None = None
    apply: bool = True


class Decision(_Body):
    """Why."""

    reason: Reason = ""


class TakeBack(_Body):
    """How a change is taken back."""

    reason: Reason = ""
    include_later: bool = False
    dry_run: bool = False
    apply: bool = True


class ApproveAsked(ChangeAsked):
    """Which change, and what is said to it."""

    body: Approval = Approval()


class DecideAsked(ChangeAsked):
    """Which change, and what is said to it."""

    body: Decision = Decision()


class RollbackAsked(ChangeAsked):
    """Which change, and how."""

    body: TakeBack = TakeBack()


def request(service: Service, caller: Caller, asked: RequestAsked) -> Reply:
    """Judge and plan a change, keep it, and start its run where nothing holds it back.

    Who requests is who calls, whatever the document says.
    """
    body = asked.body.model_dump(mode="json", exclude_unset=True) | {"requested_by": caller.user}
    workspace = service.acting(caller)
    change = intake.request(workspace, body, proceed=asked.apply, plan_here=service.plans_here)
    return _result(service, caller, change)


def list_changes(service: Service, caller: Caller, asked: ChangesAsked) -> dict[str, Any]:
    """A page of changes, newest first, with their places in the queue."""
    found = reading.list_changes(service.acting(caller), status=asked.status)
    rest = behind(found, asked.after, _id)
    return page(rest, asked.limit, cursor=_id, show=dict)


def _id(line: dict[str, Any]) -> str:
    return str(line["change_id"])


def show(service: Service, caller: Caller, asked: ChangeAsked) -> dict[str, Any]:
    """All that is known of a change."""
    return reading.show(service.acting(caller), asked.change_id)


def approve(service: Service, caller: Caller, asked: ApproveAsked) -> Reply:
    """Approve the plan that the change shows, and start its run."""
    said = asked.body
    workspace = service.acting(caller)
    change = decisions.approve(workspace, asked.change_id, why=said.reason, digest=said.digest)
    if said.apply:
        _start(service, caller, change)
    return Reply(document=reading.result_of(workspace, change))


def reject(service: Service, caller: Caller, asked: DecideAsked) -> dict[str, Any]:
    """Say no to a change."""
    workspace = service.acting(caller)
    change = decisions.reject(workspace, asked.change_id, why=asked.body.reason)
    _let_go_on(service, caller, change)
    return reading.result_of(workspace, change)


def cancel(service: Service, caller: Caller, asked: DecideAsked) -> dict[str, Any]:
    """Take a change back that is not being applied."""
    workspace = service.acting(caller)
    change = decisions.cancel(workspace, asked.change_id, why=asked.body.reason)
    _let_go_on(service, caller, change)
    return reading.result_of(workspace, change)


def retry(service: Service, caller: Caller, asked: ChangeAsked) -> Reply:
    """Try a change again that failed or was stopped."""
    change = decisions.retry(service.acting(caller), asked.change_id, plan_here=service.plans_here)
    return _result(service, caller, change)


def apply(service: Service, caller: Caller, asked: ChangeAsked) -> Reply:
    """Start the run of a change that is approved, or that waits."""
    workspace = service.acting(caller)
    change = Register(workspace).get(asked.change_id).change
    if change.status not in {State.APPROVED, State.APPLYING, *WAITING}:
        return Reply(document=reading.result_of(workspace, change))
    _start(service, caller, change, key=workspace.new_id())  # asked for anew: an earlier run may have died
    return Reply(document=reading.result_of(workspace, change), status=202, headers=_place(change))


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
        plan_here=service.plans_here,
    )
    return _result(service, caller, change)


def _result(service: Service, caller: Caller, change: Change) -> Reply:
    """The result document; 202 and the change's place where it goes on, its run started where it may.

    Where nothing is planned here, the graph is updated last: the change is safe and its run ordered by then.
    """
    document = reading.result_of(service.acting(caller), change)
    if not change.id or change.final:
        return Reply(document=document)
    unplanned = change.status is State.QUEUED and not service.plans_here
    if unplanned or (change.status is State.APPROVED and change.proceed):
        _start(service, caller, change)
    if unplanned:
        document = _with_graph(service, caller, document)
    return Reply(document=document, status=202, headers=_place(change))


def _with_graph(service: Service, caller: Caller, document: dict[str, Any]) -> dict[str, Any]:
    """The document, after the graph was updated; it says where that is left to a worker."""
    left = update_graph(service.acting(caller))
    said = [f"the graph is left to a worker: {left}"] if left else []
    return {**document, "warnings": [*document["warnings"], *said]}


def _place(change: Change) -> dict[str, str]:
    return {"location": f"/changes/{change.id}"}


def _start(service: Service, caller: Caller, change: Change, *, key: str = "") -> None:
    """Start the run of a change, once for each step that it has come to, or once a key."""
    service.start(caller, FLOW, {"change_id": change.id}, key=f"{change.id}:{key or change.last_event}")


def _let_go_on(service: Service, caller: Caller, ended: Change) -> None:
    """Start the runs of the changes that waited for one that will not be applied."""
    for change in Register(service.acting(caller)).open():
        if change.status is State.QUEUED and ended.id in change.waits_for:
            _start(service, caller, change, key=f"after:{ended.id}")


def _act(name: str, role: Role, handler: Any, summary: str, asked: type[Asked], *more: int) -> Route:
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
)
