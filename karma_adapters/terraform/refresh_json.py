"""A refresh as `terraform show -json` prints it: how the cloud differs from the state.

Source of the form: Terraform's JSON output format, `resource_drift` (since 1.0). Terraform's exit code and
this list also count what no one did: providers on the older SDK store an empty value as null when they
create a resource and as empty when they read it back (`tags: null -> {}`). Such pairs are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from karma_adapters.terraform import configured, masking, plan_json
from karma_core.json_difference import differences
from karma_core.json_types import JsonObject, JsonValue
from karma_core.masking.masker import Masker, masker_of
from karma_core.records import DriftedAttribute, DriftedResource, DriftReport

_CHANGES: Final = {("update",): "changed", ("delete",): "deleted"}


def read(document: JsonObject, *, address: str, hidden: Iterable[str] = ()) -> DriftReport:
    """The report of one component, values masked as in a plan; `hidden` are secrets known from elsewhere."""
    redaction = masker_of([*_secrets(document), *hidden])
    plan = plan_json.read(document, address=address, destroy=False, changes=False, text="", saved="")
    drifted = (_resource(one, redaction, document) for one in document.get("resource_drift", ()))
    resources = [one for one in drifted if one is not None]
    return DriftReport(
        address=address,
        resources=tuple(sorted(resources, key=lambda one: one.address)),
        outputs=plan.outputs,
    )


def _resource(one: JsonObject, hidden: Masker, document: JsonObject) -> DriftedResource | None:
    """One resource, or None where nothing that counts differs."""
    change = one["change"]
    kind = _CHANGES.get(tuple(change["actions"]))
    if kind is None:
        return None
    sets = configured.expressions_of(document, one["address"])
    attributes = _attributes(change, hidden, sets) if kind == "changed" else ()
    if kind == "changed" and not attributes:
        return None
    return DriftedResource(address=one["address"], type=one["type"], change=kind, attributes=attributes)


def _attributes(change: JsonObject, hidden: Masker, sets: JsonObject | None) -> tuple[DriftedAttribute, ...]:
    """Return the attributes that differ, compared unmasked (a changed secret is seen), shown masked."""
    state = hidden.value(masking.masked(change["before"], change.get("before_sensitive")))
    cloud = hidden.value(masking.masked(change["after"], change.get("after_sensitive")))
    return tuple(
        DriftedAttribute(
            pointer=difference.pointer,
            state=_at(state, difference.pointer),
            cloud=_at(cloud, difference.pointer),
            configured=configured.is_set(sets, difference.pointer),
        )
        for difference in differences(change["before"], change["after"])
        if _filled(difference.before) != _filled(difference.after)
    )


def _filled(value: JsonValue) -> JsonValue:
    """The value; None for an empty one. Zero and false are values."""
    return None if value in ("", [], {}) else value


def _at(value: JsonValue, pointer: str) -> JsonValue:
    """Return the value at a JSON pointer; the mask if something around it is masked, None if absent."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            return value
    return value


def _secrets(document: JsonObject) -> list[str]:
    changes = [one["change"] for one in document.get("resource_drift", ())]
    secrets = list(plan_json.secrets(document))
    for change in changes:
        for side in ("before", "after"):
            secrets += masking.secrets(change.get(side), change.get(f"{side}_sensitive"))
    return secrets
