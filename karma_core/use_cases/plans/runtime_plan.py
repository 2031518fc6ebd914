"""What a plan means for the runtimes of its component: can they be published, and are they due."""

from __future__ import annotations

from karma_core import ids
from karma_core.errors import BadInput
from karma_core.needs import HasState
from karma_core.outcomes import Phase
from karma_core.plan.document import Action
from karma_core.plan.publishable import UNREADABLE, check_planned
from karma_core.plan.runtime import UNKNOWN, changed_keys, planned_runtime
from karma_core.plan.steps import APPLY
from karma_core.records import Applied, PlannedRuntime, TerraformPlan
from karma_core.use_cases.fleet.fleet import Fleet


def foreseen_runtime(fleet: Fleet, address: str, plan: TerraformPlan) -> PlannedRuntime:
    """The runtime as the plan foresees it: what the module writes itself, else what its outputs say.

    Of one that cannot be published nothing is foreseen.
    """
    if fleet.module_writes(address):
        return plan.written.get(_name(fleet, address), UNKNOWN)
    planned = planned_runtime(address, plan.outputs)
    try:
        check_planned(address, planned)
    except BadInput:
        return UNKNOWN
    return planned


def check_runtimes(fleet: Fleet, address: str, plan: TerraformPlan) -> None:
    """BadInput where the plan knows of a runtime that it could not be published, or not be read back."""
    if not fleet.module_writes(address):
        check_planned(address, planned_runtime(address, plan.outputs))
    for one in (address, *fleet.written_by(address)):
        name = _name(fleet, one)
        if name in plan.unreadable:
            raise BadInput(
                f"the runtime of {one} could not be read back",
                why=f"the module of {address} would write it: {plan.unreadable[name]}",
                next_step="correct the value that the module gives the parameter",
                code=UNREADABLE,
                component=address,
            )
        if name in plan.written:
            check_planned(one, plan.written[name])


def runtime_due(
    workspace: HasState, fleet: Fleet, address: str, plan: TerraformPlan, applied: Applied | None
) -> str:
    """Why a component that Terraform leaves as it is has a runtime to be written; empty where it has none.

    A deployment that Karma takes over with its runtime still unwritten has none due: it is adopted. BadInput
    `runtime-missing` where the runtime is gone that only the module writes.
    """
    if plan.action != Action.NO_OP:
        return ""
    if fleet.module_writes(address):
        return _due_of_module(fleet, address, applied)
    if fleet.lost_runtime(address):
        return "its runtime, which is gone, will be published again"
    if fleet.values.fault(address):
        return "its runtime will be written anew"
    stored = fleet.values.runtime(address)
    if stored is None and applied is None and is_adopted(workspace, address):
        return ""
    changed = changed_keys(stored, planned_runtime(address, plan.outputs).known)
    due = f"its runtime will be written ({', '.join(changed) or 'empty'})"
    return due if stored is None or changed else ""


def _due_of_module(fleet: Fleet, address: str, applied: Applied | None) -> str:
    if fleet.lost_runtime(address):
        fleet.values.read_back(address)  # it is not there: the error says so
    return "its runtime will be read again" if applied is not None and applied.unpublished else ""


def is_adopted(workspace: HasState, address: str) -> bool:
    """Whether a component that has a state was never applied by Karma: its deployment is taken over.

    A run that died after its apply has left no record, but the journal's word of it.
    """
    if workspace.state.applied(address) is not None:
        return False
    entries = workspace.state.entries(address=address)
    return not any(entry.step == APPLY and entry.status == Phase.SUCCEEDED for entry in entries)


def is_due_again(plan: TerraformPlan, applied: Applied | None) -> bool:
    """Whether only a runtime is left to be written whose writing failed before.

    It runs again, and may fail again; it is not blocked, so that what was applied is not taken for undone.
    """
    return plan.action == Action.NO_OP and applied is not None and bool(applied.unpublished)


def _name(fleet: Fleet, address: str) -> str:
    return ids.runtime_parameter(fleet.inventory.prefix, address)
