"""What plans, deploys and destroys are told and tell: what was selected, and the outcome of a run."""

from __future__ import annotations

from typing import Any, Literal

from karma_core.errors import UsageError
from karma_core.model import Record

FLOW_RUN = "flow_run"
"""Key in a run's options: the id of the Prefect flow run that carries it out, or null."""

CHANGE = "change"
"""Key in a run's options: the id of the change that it is carried out for, or null."""


class Selection(Record, frozen=True, kw_only=True):
    """What was asked for: targets and types with their cones, or all, or what changed.

    `targets` and `exclude` are addresses or patterns of them (`*`, `?`, `[…]`). `changed` alone means what
    differs from what was applied; with `since`, what changed in Git since that commit. `with_producers` adds
    all that the named or changed components need. What `exclude` names is left out, and nothing else for its
    sake.
    """

    targets: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    changed: bool = False
    since: str | None = None
    with_producers: bool = False


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
    """How one component ended. `status` is one of the contract's (design, section 8)."""

    address: str
    status: str
    reason: str
    seconds: float = 0.0


class RunResult(Record, frozen=True, kw_only=True):
    """How a run ended.

    `status` is the worst that happened: succeeded, stopped, blocked, failed or interrupted; or waiting, or
    declined at the prompt. A run that waits for an approval has become the change `change_id`, and
    `run_id` is empty.
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
    """UsageError unless exactly one way of choosing is used, with nothing that contradicts it."""
    named = bool(selection.targets or selection.types)
    ways = sum((named, selection.everything, selection.changed))
    if ways != 1:
        raise UsageError(
            "say only one of: components, all of them, what changed" if ways else "no component was selected",
            next_step="name components or types, or add --all or --changed (`everything`, `changed`)",
        )
    if selection.since is not None and not selection.changed:
        raise UsageError(
            "--since goes with --changed alone",
            why="it says since when something changed",
            next_step="leave it out",
        )
    if selection.with_producers and selection.everything:
        raise UsageError(
            "--with-producers does not go with --all",
            why="producers are components of the environment: --all includes them",
            next_step="leave --with-producers out",
        )
