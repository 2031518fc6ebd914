"""What plans, deploys and destroys are told and tell: what was selected, and the outcome of a run."""

from __future__ import annotations

from typing import Any

from karma_core.errors import UsageError
from karma_core.model import Record

FLOW_RUN = "flow_run"
"""Key in a run's options: the id of the Prefect flow run that carries it out, or null."""

CHANGE = "change"
"""Key in a run's options: the id of the change that it is carried out for, or null."""


class Selection(Record, frozen=True, kw_only=True):
    """What was asked for: targets with their cones, or all, or what changed since a commit."""

    targets: tuple[str, ...] = ()
    everything: bool = False
    changed: bool = False
    since: str | None = None
    with_producers: bool = False


class Outcome(Record, frozen=True, kw_only=True):
    """How one component ended. `status` is one of the contract's (design, section 8)."""

    address: str
    status: str
    reason: str
    seconds: float = 0.0


class RunResult(Record, frozen=True, kw_only=True):
    """How a run ended.

    `status` is the worst that happened: succeeded, stopped, blocked, failed or interrupted; or waiting. A run
    that waits for an approval has become the change `change_id`, and `run_id` is empty.
    """

    run_id: str
    status: str
    components: tuple[Outcome, ...]
    warnings: tuple[str, ...] = ()
    change_id: str | None = None

    def contract(self) -> dict[str, Any]:
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


def read_result(document: dict[str, Any]) -> RunResult:
    """The result in its JSON, as `RunResult.contract` gives it."""
    return RunResult(
        run_id=document["run_id"] or "",
        status=document["status"],
        components=tuple(Outcome(**component) for component in document["components"]),
        warnings=tuple(document["warnings"]),
        change_id=document.get("change_id"),
    )


def require_selection(selection: Selection) -> None:
    """UsageError unless exactly one way of choosing is used."""
    ways = sum((bool(selection.targets), selection.everything, selection.changed))
    if ways != 1:
        raise UsageError(
            "say what to work on" if not ways else "say only one of: a component, --all, --changed",
            next_step="name TYPE NICKNAME, or add --all or --changed",
        )
