"""Consumers that work today and would be blocked once their producers are applied as planned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from karma_core.errors import Refused
from karma_core.model import Finding, Severity, to_builtins
from karma_core.plan import fingerprint
from karma_core.plan.fingerprint import look_up
from karma_core.plan.runtime import unknown_keys
from karma_core.references.state import is_output
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.plans.decider import Block, Decider

WOULD_BREAK = "would-break"


def would_break(
    fleet: Fleet, decider: Decider, refused: Mapping[str, Block], plans_now: Callable[[str], bool]
) -> Iterator[Finding]:
    """`would-break`: an error of each producer whose planned apply leaves a working consumer blocked.

    `refused` are the components whose plan could not be made, with the reason. The fleet's values hold what
    the plans foresee. `plans_now` says whether a component can be planned with the runtimes of now: what
    fails with these, too, is not broken by its producers. Consumers outside of the selection count too.
    O(edges of what changes).
    """
    for address in sorted(refused):
        if not _works(fleet, address) or _has_own_cause(fleet, decider, address):
            continue
        changed = list(_changed_keys(fleet, decider, address))
        if changed and plans_now(address):
            for producer, keys in changed:
                yield _finding(producer, address, keys, refused[address].reason)
    for producer in decider.spread.all_moved():
        for consumer in fleet.graph.consumers(producer) if producer in fleet.graph else ():
            gone = _vanishing(fleet, producer, consumer) if _works(fleet, consumer) else ()
            if gone and consumer not in refused:
                yield _finding(producer, consumer, gone, "it reads a key that would be gone")


def refuse_breaking(findings: Iterable[Finding], *, allow_blocked: bool) -> None:
    """Refused `would-break` where a plan's findings name consumers that it would leave blocked."""
    breaking = [finding for finding in findings if finding.code == WOULD_BREAK]
    if breaking and not allow_blocked:
        raise Refused(
            f"applying {breaking[0].component} would break what works today",
            why="; ".join(finding.message for finding in breaking[:3]),
            next_step="change the consumer first or in the same run, or add --allow-blocked to go on",
            code=WOULD_BREAK,
            findings=to_builtins(breaking),
        )


def has_working_consumers(fleet: Fleet, addresses: Iterable[str]) -> bool:
    """Whether anything that is deployed depends on one of the components directly."""
    return any(_works(fleet, consumer) for a in addresses for consumer in fleet.graph.consumers(a))


def _works(fleet: Fleet, address: str) -> bool:
    applied = fleet[address].applied
    return applied is not None and applied.succeeded


def _has_own_cause(fleet: Fleet, decider: Decider, address: str) -> bool:
    return fingerprint.has_own_cause(fleet.inputs(address), decider.applied(address))


def _changed_keys(fleet: Fleet, decider: Decider, address: str) -> Iterator[tuple[str, Collection[str]]]:
    """(producer that changes, consumed keys of it that differ from what was applied) of a consumer."""
    now, applied = fleet.inputs(address).keys, decider.applied(address)
    before = applied.keys if applied else {}
    for producer in sorted(now):
        differing = {k for k, digest in now[producer].items() if before.get(producer, {}).get(k) != digest}
        if differing and decider.spread.moved(producer):
            yield producer, sorted(differing)


def _vanishing(fleet: Fleet, producer: str, consumer: str) -> Collection[str]:
    """Keys that the consumer needs, that the producer has now, and that its plan takes away.

    They are those of its runtime, and outputs where the consumer reads its state.
    """
    keys = set(fleet.consumed(consumer).get(producer) or ())
    needed = keys - fleet.optional_keys.get((consumer, producer), frozenset())
    if not needed:
        return ()
    outputs = set(filter(is_output, needed)) if producer in fleet.read_by_state(consumer) else set()
    gone = fleet.values.outputs.vanishing(producer, outputs)
    runtime, planned = fleet.values.runtime(producer), fleet.values.planned(producer)
    if runtime is None or planned.unknown is True:
        return gone
    sure = needed - outputs - set(unknown_keys(planned, needed))
    return sorted({*gone, *(k for k in sure if look_up(runtime, k)[1] and not look_up(planned.known, k)[1])})


def _finding(producer: str, consumer: str, keys: Collection[str], why: str) -> Finding:
    return Finding(
        code=WOULD_BREAK,
        severity=Severity.ERROR,
        component=producer,
        pointer="",
        message=f"its apply would leave {consumer} blocked, which works today "
        f"({', '.join(keys)} of {producer}): {why}",
    )
