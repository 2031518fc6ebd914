"""What a plan did not look at, said as findings: "no changes" is only true of what was planned."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from karma_core.errors import NotFound, Refused, ValidationFailed
from karma_core.model import Finding, Severity, Status
from karma_core.plan.document import LEFT_OUT, UNPUBLISHED
from karma_core.records import Parameter
from karma_core.use_cases.config_comparison import compare
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.policy_in_force import policy_differs
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace

MAX_NAMED = 5
"""So many addresses are named in a finding. Ours."""
_NOT_AS_CONFIGURED = frozenset({Status.ABSENT, Status.STALE, Status.FAILED})


def not_looked_at(
    workspace: Workspace, fleet: Fleet, selection: Selection, chosen: Collection[str]
) -> Iterator[Finding]:
    """Warnings `policy-differs`, `unpublished` and `left-out` of the environment.

    One parameter read, one scan of the work tree's configs.
    """
    yield from policy_differs(workspace)
    yield from _unpublished(workspace, fleet)
    if selection.changed:
        yield from _left_out(workspace, fleet, chosen)


def _unpublished(workspace: Workspace, fleet: Fleet) -> Iterator[Finding]:
    """Configs of the work tree that the store does not hold; nothing where there is no work tree."""
    try:
        comparison = compare(workspace, stored=_stored(fleet))
    except (NotFound, Refused):  # Refused where this process has no checkout
        return
    except ValidationFailed as error:
        yield _finding(workspace, UNPUBLISHED, f"configs in the work tree cannot be published: {error.why}")
        return
    addresses = sorted({*(intent.address for intent in comparison.intents), *comparison.removed})
    if addresses:
        yield _finding(
            workspace,
            UNPUBLISHED,
            f"{_count(addresses, 'config')} in the work tree not published: {_named(addresses)}; "
            "`karma config publish` publishes, `--from-worktree` plans them as they are",
        )


def _stored(fleet: Fleet) -> dict[str, Parameter] | None:
    """The stored configs as the fleet has them; None where one is secret and has to be read anew."""
    held = {a: c.config.parameter for a, c in fleet.inventory.components.items() if c.config is not None}
    return None if any(parameter.value is None for parameter in held.values()) else held


def _left_out(workspace: Workspace, fleet: Fleet, chosen: Collection[str]) -> Iterator[Finding]:
    """Components that are not as configured and that the selection does not mean."""
    addresses = sorted(
        node.address
        for node in fleet.data.nodes
        if node.status in _NOT_AS_CONFIGURED
        and node.address not in chosen
        and fleet[node.address].config is not None
    )
    if addresses:
        yield _finding(
            workspace,
            LEFT_OUT,
            f"{_count(addresses, 'component')} stale or not deployed and not part of this plan: "
            f"{_named(addresses)}; `--all` includes them",
        )


def _count(addresses: Collection[str], noun: str) -> str:
    return f"1 {noun} is" if len(addresses) == 1 else f"{len(addresses)} {noun}s are"


def _named(addresses: list[str]) -> str:
    more = len(addresses) - MAX_NAMED
    return ", ".join(addresses[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _finding(workspace: Workspace, code: str, message: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.WARNING,
        component=f"environment:{workspace.name}",
        pointer="",
        message=message,
    )
