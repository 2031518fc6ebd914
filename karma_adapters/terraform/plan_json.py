"""A plan as `terraform show -json` prints it, read into Karma's records.

Source of the form: Terraform's JSON output format, version 1 (`format_version` 1.x).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from karma_adapters.terraform import checks, masking
from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonObject
from karma_core.masking.masker import Masker, masker_of
from karma_core.plan.runtime import OUTPUT as RUNTIME
from karma_core.records import PlannedOutputs, PlannedResource, PlannedRuntime, TerraformPlan

_ACTIONS: Final = {
    ("no-op",): "no-op",
    ("create",): "create",
    ("read",): "read",
    ("update",): "update",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "forget",
    ("create", "forget"): "replace",
}
PARAMETER: Final = "aws_ssm_parameter"
"""The resource by which a module publishes a runtime itself."""
TEXT_LIMIT: Final = 200_000
"""Characters of readable plan that are kept. Ours: some 4,000 lines, more than anybody reads."""
_PROGRESS: Final = re.compile(
    r"^.*: (?:Refreshing state|Reading|Still reading|Read complete).*\n", re.MULTILINE
)
_FOOTER: Final = "\n\u2500\u2500\u2500"
"""Above it stands the plan, below it where the plan was saved, which is private."""


def read(
    document: JsonObject,
    *,
    address: str,
    destroy: bool,
    changes: bool,
    text: str,
    saved: str,
    hidden: Iterable[str] = (),
    work: str = "",
) -> TerraformPlan:
    """The plan of one component. `changes`: Terraform's exit code said that there are any.

    `hidden` is masked like what the plan itself marks sensitive. `work` is the directory of all working
    directories.
    """
    changed = sorted(document.get("resource_changes", ()), key=lambda one: str(one["address"]))
    redaction = masker_of([*secrets(document), *hidden])
    resources = tuple(_resource(one, redaction) for one in changed)
    managed = [one for one in changed if one["mode"] == "managed"]
    actions = [_kind(one) for one in managed]
    written, unreadable = _written(changed, redaction)
    return TerraformPlan(
        address=address,
        action=_action(document, actions, destroy=destroy, changes=changes),
        add=_count(managed, "create"),
        change=_count(managed, "update"),
        destroy=_count(managed, "delete"),
        to_import=sum(one["change"].get("importing") is not None for one in managed),
        to_forget=_count(managed, "forget"),
        resources=resources,
        outputs=_outputs(document),
        text=_readable(text, redaction),
        saved=saved if changes else "",
        written=written,
        unreadable=unreadable,
        checks=tuple(redaction.text(one) for one in checks.of_plan(document)),
        machine_paths=tuple(one["address"] for one in changed if work and _holds(one["change"], work)),
    )


def _holds(change: JsonObject, path: str) -> bool:
    """Whether the path stands in what a resource will be."""
    return path.encode() in msgspec.json.encode(change.get("after"))


def secrets(document: JsonObject) -> Iterator[str]:
    """Every value that the plan marks sensitive."""
    changes = [one["change"] for one in document.get("resource_changes", ())]
    for change in (*changes, *document.get("output_changes", {}).values()):
        for side in ("before", "after"):
            yield from masking.secrets(change.get(side), change.get(f"{side}_sensitive"))


def _count(changed: Iterable[JsonObject], action: str) -> int:
    """The number of resources to which Terraform does this, beside others where it replaces them."""
    return sum(action in one["change"]["actions"] for one in changed)


def _kind(one: JsonObject) -> str:
    """The action by Terraform's actions; one that is taken into the state as it is has none of those."""
    action = _ACTIONS[tuple(one["change"]["actions"])]
    return "import" if action == "no-op" and one["change"].get("importing") is not None else action


def _resource(one: JsonObject, hidden: Masker) -> PlannedResource:
    """Return the planned resource, masked by its marks and then by value, for secrets that are not marked."""
    change = one["change"]
    return PlannedResource(
        address=one["address"],
        type=one["type"],
        action=_kind(one),
        before=hidden.value(masking.masked(change.get("before"), change.get("before_sensitive"))),
        after=hidden.value(masking.masked(change.get("after"), change.get("after_sensitive"))),
        unknown=change.get("after_unknown"),
    )


def _action(document: JsonObject, actions: list[str], *, destroy: bool, changes: bool) -> str:
    """Return the component's action: deleting one resource counts as an update of the component."""
    if not changes:
        return "no-op"
    if destroy:
        return "destroy"
    outputs = document.get("output_changes", {}).values()
    if all(action in {"create", "read"} for action in actions) and all(o["before"] is None for o in outputs):
        return "create"
    return "replace" if "replace" in actions else "update"


def _written(
    changed: Iterable[JsonObject], hidden: Masker
) -> tuple[dict[str, PlannedRuntime], dict[str, str]]:
    """Names of parameters that are written → their objects; and → why their values cannot be read as such.

    Of a secret nothing is told: the reason may quote it.
    """
    written: dict[str, PlannedRuntime] = {}
    unreadable: dict[str, str] = {}
    for one in changed:
        after = one["change"].get("after")
        if one["mode"] != "managed" or one["type"] != PARAMETER or not isinstance(after, dict):
            continue
        name, value = after.get("name"), after.get("value") or after.get("insecure_value")
        if isinstance(name, str) and isinstance(value, str):
            try:
                written[name] = PlannedRuntime(known=strictjson.parse_object(value.encode(), where=name))
            except BadInput as error:
                secret = after.get("type") == "SecureString"
                unreadable[name] = (
                    "it is not a JSON object as Karma reads it" if secret else hidden.text(error.why)
                )
    return written, unreadable


def writes_unknown(document: JsonObject) -> bool:
    """Whether a parameter will be written whose value is not known as a whole."""
    return any(
        one["mode"] == "managed"
        and one["type"] == PARAMETER
        and isinstance(after := one["change"].get("after"), dict)
        and not (after.get("value") or after.get("insecure_value"))
        for one in document.get("resource_changes", ())
    )


def _outputs(document: JsonObject) -> PlannedOutputs:
    """Return the planned outputs. One of null is a null; only a `runtime` of null counts as absent."""
    changes = sorted(document.get("output_changes", {}).items())
    planned = document.get("planned_values", {}).get("outputs", {})
    unknown = {name: c["after_unknown"] for name, c in changes if masking.is_marked(c.get("after_unknown"))}
    after = {name: change for name, change in changes if name in unknown or change.get("after") is not None}
    null = {n for n, change in changes if n not in after and change["actions"] != ["delete"]} - {RUNTIME}
    known = {name: change.get("after") for name, change in after.items() if unknown.get(name) is not True}
    return PlannedOutputs(
        known={**known, **dict.fromkeys(sorted(null))},
        unknown=unknown,
        sensitive=tuple(n for n, change in after.items() if masking.is_marked(change.get("after_sensitive"))),
        types={name: one["type"] for name, one in sorted(planned.items()) if "type" in one},
    )


def _readable(text: str, hidden: Masker) -> str:
    """Return Terraform's readable plan, masked once more: Terraform masks only what is marked sensitive."""
    said = _PROGRESS.sub("", text.split(_FOOTER, maxsplit=1)[0])
    shown = hidden.text(said.strip() + "\n")
    if len(shown) > TEXT_LIMIT:
        shown = f"{shown[:TEXT_LIMIT]}\n… cut after {TEXT_LIMIT:,} of {len(shown):,} characters\n"
    return shown
