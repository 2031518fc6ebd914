"""Warnings about components that a selection leaves out although they have to run or others need them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from karma_core.counting import counted, listed
from karma_core.model import Finding, Severity, Status, about_environment
from karma_core.plan.document import LEFT_OUT, PRODUCER_EXCLUDED
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.selection.record import Selection
from karma_core.use_cases.selection.selecting import Choice

_NOT_AS_CONFIGURED: Final = frozenset({Status.ABSENT, Status.STALE, Status.FAILED})


def not_selected(fleet: Fleet, selection: Selection, choice: Choice) -> Iterator[Finding]:
    """Warnings `left-out` and `producer-excluded` about what a selection leaves out."""
    for sentence in left_out(fleet, selection, choice):
        yield _finding(fleet, LEFT_OUT, sentence)
    yield from _producers_excluded(fleet, choice)


def left_out(fleet: Fleet, selection: Selection, choice: Choice) -> Iterator[str]:
    """Sentences about components that are not as configured, left out by a selection of what changed."""
    if not selection.changed:
        return
    passed = choice.addresses | set(fleet.moves.values())
    due = {
        node.address
        for node in fleet.data.nodes
        if node.status in _NOT_AS_CONFIGURED
        and node.address not in passed
        and fleet[node.address].config is not None
    }
    for addresses, how, advice in (
        (due - choice.excluded, "not selected", "`--all` includes them"),
        (due & choice.excluded, "excluded", "without their `--exclude`, `--all` includes them"),
    ):
        if addresses:
            count = counted(len(addresses), "component is", "components are")
            yield f"{count} stale or not deployed and {how}: {listed(sorted(addresses))}; {advice}"


def _producers_excluded(fleet: Fleet, choice: Choice) -> Iterator[Finding]:
    """The components of the plan that need one that was taken out of it, and what that means for them."""
    if not choice.taken_out:
        return
    needs = {a: sorted(choice.taken_out.intersection(fleet.graph.producers(a))) for a in choice.addresses}
    said = [_of_consumer(fleet, address, needs[address]) for address in sorted(needs) if needs[address]]
    if said:
        count = counted(len(said), "component needs what is excluded", "components need what is excluded")
        yield _finding(fleet, PRODUCER_EXCLUDED, f"{count}: {listed(said)}")


def _of_consumer(fleet: Fleet, address: str, producers: Collection[str]) -> str:
    missing = [p for p in producers if fleet.values.runtime(p) is None and fleet[p].applied is None]
    if missing:
        were = "was" if len(missing) == 1 else "were"
        return f"{address} is blocked, because {' and '.join(missing)} {were} never deployed"
    return f"{address} is planned with the deployed values of {' and '.join(producers)}"


def _finding(fleet: Fleet, code: str, message: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.WARNING,
        component=about_environment(fleet.inventory.environment),
        pointer="",
        message=message,
    )
