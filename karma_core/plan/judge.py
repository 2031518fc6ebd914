"""Decides whether a component has to run, and why, for plans, deploys and cut-off alike."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from karma_core.component_types import TypeDefinition
from karma_core.model import Record
from karma_core.plan import fingerprint
from karma_core.plan.fingerprint import Inputs
from karma_core.plan.spread import Seen
from karma_core.records import Applied

ADOPTED: Final = "; its state is as it should be and is adopted"
"""Said of a component without an applied record whose plan has no changes: a fleet that is taken over."""


class Verdict(StrEnum):
    """The decision on a component."""

    RUN = "run"
    RELOAD = "reload"
    RECORD = "record"
    """Nothing runs, but the new inputs are noted, because the type says so (`propagation: none`)."""
    CUT_OFF = "cut_off"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    """The component is not worked on, because of an error of its own or of something that it needs."""


class Judgement(Record, frozen=True, kw_only=True):
    """A verdict with its reason and the inputs it was made on."""

    address: str
    verdict: Verdict
    reason: str
    inputs: Inputs


def judge(
    address: str,
    inputs: Inputs,
    applied: Applied | None,
    definition: TypeDefinition,
    seen: Seen,
    *,
    drifted: bool = False,
) -> Judgement:
    """Judge one component. `drifted`: the cloud is known to differ from what was applied.

    `seen` is what it sees of the changes of this plan or run: with the applied fingerprint it is cut off from
    them, and unchanged only where there are none above it. Another cause than its producers' runtimes always
    wins over a cut-off, and over reload.
    """
    causes = fingerprint.causes(inputs, applied)
    if drifted:
        causes = (*causes, "the cloud differs from what was applied")
    if not causes:
        return _still(address, inputs, seen)
    reason = "; ".join(causes)
    if drifted or fingerprint.has_own_cause(inputs, applied) or definition.propagation == "apply":
        verdict = Verdict.RUN
    elif definition.propagation == "reload":
        verdict = Verdict.RELOAD
    else:
        verdict = Verdict.RECORD
        reason += "; its type does not propagate"
    return Judgement(address=address, verdict=verdict, reason=reason, inputs=inputs)


def _still(address: str, inputs: Inputs, seen: Seen) -> Judgement:
    """The judgement of a component whose fingerprint is the applied one."""
    said = []
    for producer in sorted(seen.moved & inputs.keys.keys()):
        keys = ", ".join(sorted(inputs.keys[producer])) or "nothing"
        said.append(f"{producer} {seen.how}, but what is consumed of it ({keys}) is the same")
    if seen.ended and not said:
        said.append(f"the change ends before it, at {', '.join(sorted(seen.ended))}")
    verdict = Verdict.CUT_OFF if seen.anything else Verdict.UNCHANGED
    reason = "; ".join(said) or "nothing that decides its deployment changed"
    return Judgement(address=address, verdict=verdict, reason=reason, inputs=inputs)
