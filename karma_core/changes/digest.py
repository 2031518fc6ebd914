"""The canonical form of a plan, which an approval is bound to, and whether it covers another plan.

An approval covers a later plan that only refines the shown one: no new address, no stronger action, equal
known values, the same config versions and cone (docs/changes.md), and of each component that does
anything the same config, module, variables and reload action: a module can run a program of which no planned
value tells.
A component that was deferred was never seen, so it always stops once it can be planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from karma_core import strictjson
from karma_core.json_types import JsonValue
from karma_core.model import Record
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.records import PlannedResource

MASK: Final = "(sensitive)"
"""The text that masking puts in place of a sensitive value."""
STRENGTH: Final[dict[str, int]] = {
    "no-op": 0, "cut_off": 0, "blocked": 0, "read": 0,
    "import": 1, "reload": 1, "update": 2, "create": 3, "replace": 4, "forget": 4, "destroy": 5,
    "deferred": 6, "pending": 6,
}  # fmt: skip
"""Strength of actions; an approval of a weaker one does not cover a stronger one."""


OWN_PARTS: Final = ("config", "module", "variables", "reload action")
"""Parts of a component that no producer can refine: a difference means that somebody edited them."""


class PlannedPart(Record, frozen=True, kw_only=True):
    """One component of a canonical form; `resources` are those that something happens to.

    `own` holds the digests of `OWN_PARTS`; it is empty where it was not evaluated, as in a destroy.
    """

    action: str
    fingerprint: str
    unknown_inputs: tuple[str, ...]
    resources: dict[str, PlannedResource]
    own: dict[str, str] = {}


class CanonicalPlan(Record, frozen=True, kw_only=True):
    """A plan without what may differ between two plans of the same (ids, times, wording)."""

    components: dict[str, PlannedPart]
    versions: dict[str, int]
    cone: tuple[str, ...]


def canonical_plan(plan: Plan, versions: Mapping[str, int], cone: Iterable[str]) -> CanonicalPlan:
    """The canonical form. `versions` are the config versions that the plan starts from."""
    return CanonicalPlan(
        components={c.address: _part(c) for c in sorted(plan.components, key=lambda c: c.address)},
        versions=dict(sorted(versions.items())),
        cone=tuple(sorted(cone)),
    )


def _part(component: PlannedComponent) -> PlannedPart:
    moved = [r for r in component.resources if STRENGTH.get(r.action, 0)]
    return PlannedPart(
        action=str(component.action),
        fingerprint=component.fingerprint,
        unknown_inputs=component.unknown_inputs,
        resources={r.address: r for r in sorted(moved, key=lambda r: r.address)},
        own=_own(component),
    )


def _own(component: PlannedComponent) -> dict[str, str]:
    known = {e.input: e.new for e in component.explained}
    known["reload action"] = component.reload or None
    return {part: value for part in OWN_PARTS if (value := known.get(part)) is not None}


def digest(plan: CanonicalPlan) -> str:
    """SHA-256 of the canonical form."""
    return strictjson.digest(plan)


def exceeds(shown: CanonicalPlan, new: CanonicalPlan) -> list[str]:
    """Return why the new plan exceeds the shown one, sorted; empty if the approval covers it."""
    reasons = []
    if shown.versions != new.versions:
        reasons.append("config versions have moved")
    reasons += [f"{a} is new in the cone" for a in set(new.cone) - set(shown.cone)]
    for address, part in new.components.items():
        reasons += [f"{address}: {why}" for why in _part_exceeds(shown.components.get(address), part)]
    return sorted(reasons)


def _part_exceeds(shown: PlannedPart | None, new: PlannedPart) -> list[str]:
    strength = STRENGTH[new.action]
    if not strength:
        return []
    if shown is None:
        return [f"{new.action} was not shown"]
    if shown.action == Action.DEFERRED:
        return [] if new.action == Action.DEFERRED else ["it was deferred and can be planned now"]
    if strength > STRENGTH[shown.action]:
        return [f"{new.action} instead of {shown.action}"]
    reasons = [f"its {part} changed" for part in OWN_PARTS if _edited(shown.own.get(part), new.own.get(part))]
    for name, resource in new.resources.items():
        reasons += [f"{name}: {why}" for why in _resource_exceeds(shown.resources.get(name), resource)]
    if not reasons and _masked(new) and shown.fingerprint != new.fingerprint:
        reasons.append("a sensitive value may have changed")
    return reasons


def _edited(shown: str | None, new: str | None) -> bool:
    """Whether two digests are known and differ."""
    return shown is not None and new is not None and shown != new


def _resource_exceeds(shown: PlannedResource | None, new: PlannedResource) -> list[str]:
    if shown is None:
        return [f"{new.action} was not shown"]
    if STRENGTH[new.action] > STRENGTH[shown.action]:
        return [f"{new.action} instead of {shown.action}"]
    if not _refines(shown.after, shown.unknown, new.after, new.unknown):
        return ["its planned values differ"]
    return []


def _refines(shown: JsonValue, shown_marks: JsonValue, new: JsonValue, new_marks: JsonValue) -> bool:
    """Whether every value that was known is the same now; one that was unknown may be anything."""
    if shown_marks is True:
        return True
    if new_marks is True:
        return False
    if isinstance(shown, dict) and isinstance(new, dict):
        keys = {*shown, *new, *_keys(shown_marks), *_keys(new_marks)}
        return all(
            _refines(shown.get(k), _mark(shown_marks, k), new.get(k), _mark(new_marks, k)) for k in keys
        )
    if isinstance(shown, list) and isinstance(new, list) and len(shown) == len(new):
        return all(
            _refines(a, _mark(shown_marks, i), b, _mark(new_marks, i))
            for i, (a, b) in enumerate(zip(shown, new, strict=True))
        )
    return strictjson.canonical(shown) == strictjson.canonical(new)


def _keys(marks: JsonValue) -> list[str]:
    return list(marks) if isinstance(marks, dict) else []


def _mark(marks: JsonValue, key: JsonValue) -> JsonValue:
    if isinstance(marks, dict):
        return marks.get(key)
    if isinstance(marks, list) and isinstance(key, int) and key < len(marks):
        return marks[key]
    return None


def _masked(part: PlannedPart) -> bool:
    return any(MASK in strictjson.canonical(r).decode() for r in part.resources.values())
