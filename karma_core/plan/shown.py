"""The plan that a person was shown, compared with what is about to be done."""

from __future__ import annotations

from collections.abc import Iterable

from karma_core.model import Record
from karma_core.plan.document import CHANGING, Action, PlannedComponent
from karma_core.plan.explain import explain
from karma_core.plan.fingerprint import Inputs
from karma_core.records import PlannedOutputs, PlannedResource, TerraformPlan

LOSING = frozenset({"destroy", "replace", "forget"})
"""Actions after which a resource is gone, or is in no state any more."""

DESTROYING = frozenset({Action.DESTROY, Action.BLOCKED})
"""Actions that the plan of a destroy can have."""
DEPLOYING = frozenset(Action) - {Action.DESTROY}
"""Actions that the plan of a deploy can have."""


class Shown(Record, frozen=True, kw_only=True):
    """A plan that a run follows: its components by address.

    `approved` says that somebody saw it and said yes to just that: what would destroy more is stopped. A plan
    that the run made for itself, to look ahead, is not approved.
    """

    plan_id: str
    components: dict[str, PlannedComponent]
    approved: bool = True

    @property
    def blocked(self) -> frozenset[str]:
        """The components that the plan blocks."""
        return frozenset(a for a, planned in self.components.items() if planned.action is Action.BLOCKED)

    def plans(self, address: str) -> bool:
        """Whether the plan has the component, and something else to say of it than that it is blocked."""
        planned = self.components.get(address)
        return planned is not None and planned.action is not Action.BLOCKED

    def saved_plan(self, address: str, fingerprint: str) -> TerraformPlan | None:
        """The plan that was shown, if reality has become what it foresaw; None where it must be made anew."""
        shown = self.components.get(address)
        if (
            shown is None
            or not shown.saved
            or shown.fingerprint != fingerprint
            or shown.action not in CHANGING
        ):
            return None
        return TerraformPlan(
            address=address,
            action=shown.action,
            add=shown.add,
            change=shown.change,
            destroy=shown.destroy,
            to_import=shown.to_import,
            to_forget=shown.to_forget,
            resources=shown.resources,
            outputs=PlannedOutputs(known={}),  # they were checked when it was made, and are kept nowhere
            text=shown.text,
            saved=shown.saved,
        )

    def unforeseen(self, address: str, action: str, inputs: Inputs) -> str:
        """Why the action that a component would have now is not what the plan allows; empty where it is.

        A component that the plan left alone may change only after a producer's real values turned out to be
        others than the planned ones.
        """
        planned = self.components.get(address)
        if not self.approved or action not in CHANGING:
            return ""
        if planned is None:
            return "the shown plan does not have it"
        if planned.action not in {Action.NO_OP, Action.CUT_OFF}:
            return ""
        shown = {one.input: one.new for one in planned.explained}
        now = {one.input: one.new for one in explain(inputs, None)}
        moved = sorted(name for name in shown.keys() | now.keys() if shown.get(name) != now.get(name))
        own = [name for name in moved if name in inputs.labels]
        if own or not moved:
            what = f"{', '.join(own)} changed since" if own else "nothing that decides it changed since"
            return f"the shown plan left it alone, and {what}: it would be a {action} now"
        return ""

    def expected(self, address: str) -> bool:
        """Whether the plan foresaw that something happens to the component."""
        planned = self.components.get(address)
        return planned is None or planned.action not in {Action.NO_OP, Action.CUT_OFF}

    def exceeded_by(self, plan: TerraformPlan, *, begun: bool = False) -> list[str]:
        """Resources that the plan destroys, replaces or forgets and the shown one did not, sorted.

        Where an earlier attempt had `begun` to carry it out, what it was to create may be replaced: its state
        holds it half made. None of a plan that nobody approved: it allows nothing and forbids nothing.
        """
        if not self.approved:
            return []
        shown = self.components.get(plan.address)
        allowed = _lost(shown.resources) if shown else set()
        if shown and begun:
            allowed |= {r.address for r in shown.resources if r.action == "create"}
        return sorted(_lost(plan.resources) - allowed)


def _lost(resources: Iterable[PlannedResource]) -> set[str]:
    return {r.address for r in resources if r.action in LOSING}
