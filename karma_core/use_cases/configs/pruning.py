"""Pruning: which configs that left Git are deleted, which stay, and the prompt before many are deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from karma_core.errors import Conflict, Refused
from karma_core.model import Record
from karma_core.needs import PolicySource
from karma_core.provenance import read_description
from karma_core.records import Parameter
from karma_core.use_cases.configs.comparison import Comparison

_FREE_DELETIONS = 5
_FREE_SHARE = 0.10
"""Deleting more than five parameters and more than a tenth of all configs at once is asked about."""

Confirm = Callable[[Sequence[str]], bool]
"""Asked with the addresses whose parameters would be deleted; True lets it happen."""


class Kept(Record, frozen=True, kw_only=True):
    """A config that is not in Git and whose parameter stays. `reason` is a stable word.

    `not-published-by-karma`, `runtime-exists`, `applied-record` or `consumers-live`.
    """

    address: str
    reason: str


def kept_of(workspace: PolicySource, removed: dict[str, Parameter]) -> tuple[Kept, ...]:
    """Return the removed configs whose parameters stay, and why."""
    reasons = ((address, _why_kept(workspace, address, removed[address])) for address in removed)
    return tuple(Kept(address=address, reason=reason) for address, reason in reasons if reason)


def _why_kept(workspace: PolicySource, address: str, parameter: Parameter) -> str | None:
    """Why a config that is not in Git must not be deleted, or None: its deployment would be orphaned."""
    if read_description(parameter.description) is None:
        return "not-published-by-karma"
    if workspace.parameters.get(workspace.runtime_parameter(address)) is not None:
        return "runtime-exists"
    if workspace.state.applied(address) is not None:
        return "applied-record"
    return None


def configs_to_delete(comparison: Comparison, kept: tuple[Kept, ...]) -> dict[str, Parameter]:
    """The parameters of the removed configs that are not kept."""
    safe = {item.address for item in kept}
    return {address: parameter for address, parameter in comparison.removed.items() if address not in safe}


def ask_before_many(
    comparison: Comparison, to_delete: dict[str, Parameter], *, assume_yes: bool, confirm: Confirm | None
) -> None:
    """Refused `mass-deletion` if many would be deleted and nobody confirms."""
    total = len(comparison.entries) + len(comparison.removed)
    if assume_yes or len(to_delete) <= max(_FREE_DELETIONS, _FREE_SHARE * total):
        return
    if confirm is not None and confirm(tuple(to_delete)):
        return
    raise Refused(
        f"{len(to_delete)} of {total} configs would be deleted at once",
        why="so many are rarely meant: the Git directory may be incomplete",
        next_step="check the directory; if they are to go, confirm it",
        code="mass-deletion",
        addresses=list(to_delete),
    )


def check_unmoved(workspace: PolicySource, to_delete: dict[str, Parameter]) -> None:
    """Conflict where a config, its runtime or its applied record has moved since it was judged."""
    for address, parameter in to_delete.items():
        now = workspace.parameters.get(parameter.name)
        if now is None or now.version != parameter.version or _why_kept(workspace, address, now):
            raise Conflict(
                f"{address} has moved since it was to be pruned",
                why="its config was written, or it was deployed, in the meantime",
                next_step="publish again",
                address=address,
            )
