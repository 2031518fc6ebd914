"""Handover of the runs that an ending worker had to interrupt, so that another worker continues them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from karma_adapters.prefect.runs import PrefectRuns
from karma_adapters.wiring.bootstrap import open_runs, open_workspace
from karma_adapters.wiring.settings import Settings
from karma_core.changes.states import State
from karma_core.errors import KarmaError
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.records import Run
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.access.vouching import ordered_by, require_order, vouch
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.runs.records import FLOW_RUN
from karma_core.workspace import Workspace

REPEATED: Final = frozenset({"drift-check", "graph-rebuild", "pull-request-check", "push-run"})
"""Flows that may simply run again: they look at what is there first, and do nothing twice."""
CHANGES: Final = frozenset({"change-run", "push-run", "reconcile"})
"""Flows that work on changes; the flow `reconcile` finishes those."""
CANCELLED: Final = frozenset({"CANCELLED", "CANCELLING"})
"""States of a flow run that somebody did not want to go on."""

LEFT: Final = frozenset({"interrupted", "running"})
"""Statuses of a run that did not come to its end."""


class Ended(Record, frozen=True, kw_only=True):
    """A flow run whose process the worker ended; `state` is its state type in Prefect afterwards."""

    id: str
    flow: str
    state: str
    parameters: JsonObject


class Order(Record, frozen=True, kw_only=True):
    """What is to be run."""

    flow: str
    parameters: JsonObject


def hand_on(settings: Settings, interrupted: Iterable[Ended]) -> list[str]:
    """Order what has to follow, and say so; a repeated call orders nothing twice."""
    runs = open_runs(settings)
    said = []
    for ended in interrupted:
        try:
            workspace = _opened_for(settings, ended)
            said += [f"change {change_id} is tried again" for change_id in try_again(workspace, ended)]
            said += [_start(workspace, runs, ended, order) for order in orders_for(workspace, ended)]
        except KarmaError as error:  # the others are to be handed on all the same
            said.append(f"{ended.flow} run {ended.id} is not handed on: {error.what}: {error.why}")
    return said


def _opened_for(settings: Settings, ended: Ended) -> Workspace:
    """The environment of an ended flow run, acting as whose order that was; Refused as `ordered_by`."""
    given = ended.parameters
    workspace = open_workspace(settings, str(given["environment"]), source="flow")
    require_order(workspace, ended.flow, given)
    order = str(given.get("order") or "")
    return workspace.acting_as(ordered_by(workspace, order, ended.flow, given, ended.id))


def try_again(workspace: Workspace, ended: Ended) -> tuple[str, ...]:
    """Queue the changes whose apply was interrupted, to be planned, approved and applied anew; their ids.

    Those that a policy takes back when they fail are left to it.
    """
    rules = rules_in_force(workspace)
    if ended.flow not in CHANGES or ended.state in CANCELLED or rules.rolls_back:
        return ()
    left = {run.id for run in _own(workspace, ended) if run.status in LEFT}
    interrupted = [
        c for c in Register(workspace).all() if c.status is State.FAILED and left & set(c.runs[-2:])
    ]
    later = workspace.by_its_stores()  # the run that takes it up plans it
    return tuple(decisions.try_again(later, change.id, proceed=True).id for change in interrupted)


def orders_for(workspace: Workspace, ended: Ended) -> tuple[Order, ...]:
    """Return the orders that continue a run; none if it had ended by itself or was cancelled.

    A deploy that had begun is resumed. A destroy is not ordered again: who wanted it sees what is left.
    """
    own = _own(workspace, ended)
    left = [run for run in own if run.status in LEFT]
    crashed = ended.state == "CRASHED"
    if ended.state in CANCELLED or not (left or crashed):
        return ()
    given: JsonObject = {"environment": ended.parameters["environment"]}
    if ended.flow == "deploy" and own:
        return tuple(Order(flow="deploy", parameters={**given, "resume_run": run.id}) for run in left)
    keyed = ended.parameters.get("change_id") or ended.parameters.get("idempotency_key")
    orders = []
    repeated = ended.flow in {"deploy", *REPEATED} or (ended.flow == "change-run" and keyed)
    if crashed and repeated:
        orders.append(Order(flow=ended.flow, parameters=ended.parameters))
    if ended.flow in CHANGES:
        orders.append(Order(flow="reconcile", parameters=given))
    return tuple(orders)


def _own(workspace: Workspace, ended: Ended) -> list[Run]:
    """The deploys and destroys that the flow run carried out."""
    return [run for run in workspace.state.runs() if run.options.get(FLOW_RUN) == ended.id]


def _start(workspace: Workspace, runs: PrefectRuns, ended: Ended, order: Order) -> str:
    who = {"requested_by": workspace.actor.user, "source": workspace.actor.source}
    parameters = vouch(workspace, order.flow, {**order.parameters, **who})
    new = runs.start(order.flow, parameters, idempotency_key=f"handed-on:{ended.id}:{order.flow}")
    return f"{ended.flow} run {ended.id} is handed on: {order.flow} run {new}"
