"""Changes as people and machines read them."""

from __future__ import annotations

from karma_core.changes.record import Change, result
from karma_core.changes.states import State
from karma_core.errors import UsageError
from karma_core.ids import shown
from karma_core.json_difference import Difference, differences
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.needs import GraphBuilding, HasModules, PlanStore, RecordsAndLog
from karma_core.plan.document import Plan, contract
from karma_core.use_cases.changes.queue import position
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.shown import without_secrets
from karma_core.use_cases.fleet.config_secrets import ShownConfigs
from karma_core.use_cases.plans.stored import load_plan


def plan_of(workspace: PlanStore, change: Change) -> Plan | None:
    """The plan that the change shows, None before it was planned."""
    return load_plan(workspace, change.plan_id)[0] if change.plan_id else None


def result_of(workspace: PlanStore, change: Change) -> JsonObject:
    """The result document of the contract."""
    made = plan_of(workspace, change)
    return result(change, contract(made) if made else None)


def differences_of(workspace: HasModules, change: Change) -> list[tuple[str, Difference]]:
    """(address, difference) of every place that the change alters, in the order of both, secrets masked.

    Of a change of kind `policy` the address is `policy`, and the places are those of the published document.
    """
    if change.kind == "policy":
        request = change.request
        return [
            ("policy", difference) for difference in differences(request.get("before", {}), request["policy"])
        ]
    shown = ShownConfigs(workspace)
    return [
        (edit.address, difference)
        for edit in change.edits
        for difference in shown.secrets(edit.address).masked_differences(differences(edit.before, edit.after))
    ]


def list_changes(workspace: RecordsAndLog, *, status: str | None = None) -> list[JsonObject]:
    """A line for every change, newest first; `position` is its place in the queue, 0 where it is in none.

    UsageError where `status` is no state.
    """
    if status is not None and status not in set(State):
        raise UsageError(
            f"{shown(status)!r} is no state of a change",
            next_step=f"choose one of {', '.join(sorted(State))}",
        )
    changes = Register(workspace).all()
    still_open = [change for change in changes if change.is_open]
    return [
        {
            "change_id": change.id,
            "status": str(change.status),
            "kind": change.kind,
            "components": list(change.addresses),
            "requested_by": change.requested_by,
            "created_at": change.created_at,
            "position": position(change, still_open),
            "why": change.why,
        }
        for change in reversed(changes)
        if status in {None, str(change.status)}
    ]


def show(workspace: GraphBuilding, change_id: str) -> JsonObject:
    """All that is known of one change, the contract's fields first."""
    register = Register(workspace)
    change = register.get(change_id).change
    known: JsonObject = to_builtins(without_secrets(ShownConfigs(workspace), change))
    rest = {name: value for name, value in known.items() if name not in {"id", "last_event", "cone"}}
    return {
        **result_of(workspace, change),
        **{name: value for name, value in rest.items() if name not in {"status", "warnings", "findings"}},
        "position": position(change, register.open()),
    }
