"""The plan that somebody was shown, held against what is about to be done."""

from __future__ import annotations

from collections.abc import Iterable

from karma_core.model import Record
from karma_core.plan.document import CHANGING, Action, PlannedComponent
from karma_core.records import PlannedOutputs, PlannedResource, TerraformPlan

DESTRUCTIVE = frozenset({"destroy", "replace"})

DESTROYING = frozenset({Action.DESTROY, Action.BLOCKED})
"""What the plan of a destroy says of its components."""
DEPLOYING = frozenset(Action) - {Action.DESTROY}
"""What the plan of a deploy says of its components."""


class Shown(Record, frozen=True, kw_only=True):
    """A shown plan's components by address."""

    plan_id: str
    components: dict[str, PlannedComponent]

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
            resources=shown.resources,
            outputs=PlannedOutputs(known={}),  # they were checked when it was made, and are kept nowhere
            text=shown.text,
            saved=shown.saved,
        )

    def exceeded_by(self, plan: TerraformPlan) -> list[str]:
        """Resources that the plan destroys or replaces and the shown one did not, sorted."""
        shown = self.components.get(plan.address)
        allowed = _destroyed(shown.resources) if shown else set()
        return sorted(_destroyed(plan.resources) - allowed)


def _destroyed(resources: Iterable[PlannedResource]) -> set[str]:
    return {r.address for r in resources if r.action in DESTRUCTIVE}
