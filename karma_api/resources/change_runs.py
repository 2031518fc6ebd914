"""Answers about a change, and starting the runs that advance changes."""

from __future__ import annotations

from typing import Final

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.route import Answered
from karma_api.service import Service
from karma_core.changes.record import Change
from karma_core.changes.states import WAITING, State
from karma_core.json_types import JsonObject
from karma_core.use_cases.changes import reading
from karma_core.use_cases.changes.graph_update import update_graph
from karma_core.use_cases.changes.register import Register

FLOW: Final = "change-run"


class ChangeResult(Answered, kw_only=True):
    """The result document, the same at every entry point."""

    change_id: str | None
    status: State
    affected_components: list[str]
    warnings: list[str]
    findings: list[JsonObject]
    plan: JsonObject | None
    log_entry_id: str | None


def result(service: Service, caller: Caller, change: Change) -> Reply:
    """The result document; 202 and the change's place where it goes on, its run started where it may.

    Where nothing is planned here, the graph is updated last: the change is safe and its run ordered by then.
    """
    document = reading.result_of(service.acting(caller), change)
    if not change.id or change.final:
        return Reply(document=document)
    unplanned = change.status is State.QUEUED and service.workspace.with_terraform() is None
    if unplanned or (change.status is State.APPROVED and change.proceed):
        start(service, caller, change)
    if unplanned:
        document = _with_graph(service, caller, document)
    return Reply(document=document, status=202, headers=place_of(change))


def _with_graph(service: Service, caller: Caller, document: JsonObject) -> JsonObject:
    """The document, after the graph was updated; it says where that is left to a worker."""
    left = update_graph(service.acting(caller))
    said = [f"the graph is left to a worker: {left}"] if left else []
    return {**document, "warnings": [*document["warnings"], *said]}


def place_of(change: Change) -> dict[str, str]:
    """The header that says where the change is shown."""
    return {"location": f"/changes/{change.id}"}


def start(service: Service, caller: Caller, change: Change, *, key: str = "") -> None:
    """Start the run of a change, once for each step that it has come to, or once a key."""
    service.start(caller, FLOW, {"change_id": change.id}, key=f"{change.id}:{key or change.last_event}")


def let_go_on(service: Service, caller: Caller, ended: Change) -> None:
    """Start the runs of the changes that waited for one that will not be applied."""
    for change in Register(service.acting(caller)).open():
        if change.status is State.QUEUED and ended.id in change.waits_for:
            start(service, caller, change, key=f"after:{ended.id}")


def may_go_on(change: Change) -> bool:
    """Whether a run can bring the change further."""
    return change.status in {State.APPROVED, State.APPLYING, *WAITING}
