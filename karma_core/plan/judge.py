"""Whether a component has to run, and why: the one decision behind plans, deploys and cut-off."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from karma_core.component_types import TypeDefinition
from karma_core.model import Record
from karma_core.plan import fingerprint
from karma_core.plan.fingerprint import Inputs
from karma_core.records import Applied


class Verdict(StrEnum):
    """What is to be done with a component."""

    RUN = "run"
    RELOAD = "reload"
    RECORD = "record"
    """Nothing runs, but the new inputs are noted, because the type says so (`propagation: none`)."""
    CUT_OFF = "cut_off"
    UNCHANGED = "unchanged"


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
    moved: Mapping[str, str],
    *,
    drifted: bool = False,
) -> Judgement:
    """Judge one component. `drifted`: the cloud is known to differ from what was applied.

    `moved` holds those of its producers that changed in this run, with what is said of them ("was applied").
    Another cause than its producers' runtimes always wins over a cut-off, and over reload.
    """
    causes = fingerprint.causes(inputs, applied)
    if drifted:
        causes = (*causes, "the cloud differs from what was applied")
    if not causes:
        return _still(address, inputs, moved)
    reason = "; ".join(causes)
    if drifted or fingerprint.has_own_cause(inputs, applied) or definition.propagation == "apply":
        verdict = Verdict.RUN
    elif definition.propagation == "reload":
        verdict = Verdict.RELOAD
    else:
        verdict = Verdict.RECORD
        reason += "; its type does not propagate"
    return Judgement(address=address, verdict=verdict, reason=reason, inputs=inputs)


def _still(address: str, inputs: Inputs, moved: Mapping[str, str]) -> Judgement:
    """The judgement of a component whose fingerprint is the applied one."""
    seen = []
    for producer in sorted(moved.keys() & inputs.keys.keys()):
        keys = ", ".join(sorted(inputs.keys[producer])) or "nothing"
        seen.append(f"{producer} {moved[producer]}, but what is consumed of it ({keys}) is the same")
    verdict = Verdict.CUT_OFF if seen else Verdict.UNCHANGED
    reason = "; ".join(seen) or "nothing that decides its deployment changed"
    return Judgement(address=address, verdict=verdict, reason=reason, inputs=inputs)
