"""The records of an order (deploy, destroy or resume) and of its run's result."""

from __future__ import annotations

from typing import Literal

from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.outcomes import End, RunStatus
from karma_core.use_cases.selection.record import Selection

FLOW_RUN = "flow_run"
"""Key in a run's options: the id of the Prefect flow run that carries it out, or null."""

FORMER_FLOW_RUNS = "former_flow_runs"
"""Key in a run's options: the ids of flow runs that began it, whose processes died before it was resumed."""

CHANGE = "change"
"""Key in a run's options: the id of the change that it is carried out for, or null."""


class Order(Record, frozen=True, kw_only=True):
    """`deploy` or `destroy` a selection, or `resume` a run; bound to plan `plan_id`, if given.

    `override` is the reason for which freezes and approvals are set aside (`--override-policy`); empty: none.
    `allow_blocked`: deploy although a consumer that works today would be blocked by it (`would-break`).
    """

    kind: Literal["deploy", "destroy", "resume"]
    selection: Selection = Selection()
    plan_id: str | None = None
    allow_blocked: bool = False
    run_id: str = ""
    override: str = ""


class Outcome(Record, frozen=True, kw_only=True):
    """The outcome of one component. `seconds` is how long it took."""

    address: str
    status: End
    reason: str
    seconds: float = 0.0


class RunResult(Record, frozen=True, kw_only=True):
    """The result of a run.

    `status` is the worst that happened: succeeded, stopped, blocked, failed or interrupted; or waiting, or
    declined at the prompt. A run that waits for an approval has become the change `change_id`, and
    `run_id` is empty.
    """

    run_id: str
    status: RunStatus
    components: tuple[Outcome, ...]
    warnings: tuple[str, ...] = ()
    change_id: str | None = None

    def contract(self) -> JsonObject:
        """The JSON of `karma deploy --json`."""
        return {
            "run_id": self.run_id or None,
            "status": self.status,
            "change_id": self.change_id,
            "components": [
                {"address": c.address, "status": c.status, "reason": c.reason, "seconds": round(c.seconds, 3)}
                for c in self.components
            ],
            "warnings": list(self.warnings),
        }


def read_result(document: JsonObject) -> RunResult:
    """The result in its JSON, as `RunResult.contract` gives it."""
    return RunResult(
        run_id=document["run_id"] or "",
        status=RunStatus(document["status"]),
        components=tuple(
            Outcome(**{**component, "status": End(component["status"])})
            for component in document["components"]
        ),
        warnings=tuple(document["warnings"]),
        change_id=document.get("change_id"),
    )
