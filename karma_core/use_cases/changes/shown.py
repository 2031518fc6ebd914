"""Changes without the secrets of the configs that they are about."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from karma_core.changes.record import Change
from karma_core.changes.request import ChangeRequest
from karma_core.json_types import JsonObject, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.use_cases.fleet.config_secrets import ShownConfigs


def without_secrets(shown: ShownConfigs, change: Change) -> Change:
    """The change with the secret places of its edits and of its request masked."""
    edits = tuple(
        replace(e, before=shown.masked(e.address, e.before), after=shown.masked(e.address, e.after))
        for e in change.edits
    )
    parts = change.request.get("changes")
    if isinstance(parts, list):
        request = {**change.request, "changes": [_shown_part(shown, part) for part in parts]}
    else:
        request = _shown_part(shown, change.request)
    return replace(change, edits=edits, request=request)


def _shown_part(shown: ShownConfigs, part: JsonObject) -> JsonObject:
    """The request of one component, its config or patch masked."""
    address = part.get("component")
    if not isinstance(address, str):
        return part
    secrets = shown.secrets(address)
    masked: JsonObject = {name: secrets.masked(part[name]) for name in ("replace", "create") if name in part}
    if "proposed_change" in part:
        masked["proposed_change"] = _shown_patch(secrets, part["proposed_change"])
    return {**part, **masked}


def _shown_patch(secrets: ConfigSecrets, patch: JsonValue) -> JsonValue:
    """A merge patch is masked as a config, a JSON Patch by the paths of its steps."""
    if not isinstance(patch, list):
        return secrets.masked(patch)
    return [
        {**step, "value": secrets.masked_at(str(step.get("path", "")), step["value"])}
        if "value" in step
        else step
        for step in patch
    ]


def requested_secrets(shown: ShownConfigs, read: ChangeRequest) -> Iterator[str]:
    """The texts and numbers that a request sets at secret places."""
    for part in read.components:
        secrets = shown.secrets(part.component)
        for config in (part.replace, part.create, part.proposed_change):
            if isinstance(config, list):
                for step in config:
                    yield from secrets.values_at(str(step.get("path", "")), step.get("value"))
            elif config is not None:
                yield from secrets.values(config)
