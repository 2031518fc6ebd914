"""What `terraform apply -json` writes: one JSON object a line, as things happen.

Source of the form: Terraform's machine-readable UI, types `apply_start`, `apply_complete`, `apply_errored`
and `diagnostic` (since 0.15.3). A line that is cut off, or no JSON, is passed over: whoever wrote it was
killed, or writes plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from karma_core.decoding import decode
from karma_core.json_types import JsonObject

_STARTED: Final = "apply_start"
_ENDED: Final = frozenset({"apply_complete", "apply_errored"})


class ResourceKey(NamedTuple):
    """A resource instance, as output and state name it. `key` is a number, a text, or None."""

    module: str
    type: str
    name: str
    key: int | str | None


def begun_creations(lines: Iterable[bytes]) -> dict[ResourceKey, str]:
    """Resources whose creation began and did not end, with their addresses, in the order of the output."""
    begun: dict[ResourceKey, str] = {}
    for event in _events(lines):
        hook = event.get("hook", {})
        if event.get("type") == _STARTED and hook.get("action") == "create":
            begun[_key(hook["resource"])] = hook["resource"]["addr"]
        elif event.get("type") in _ENDED and hook.get("action") == "create":
            begun.pop(_key(hook["resource"]), None)
    return begun


def planned_creations(lines: Iterable[bytes]) -> dict[ResourceKey, str]:
    """Resources that the apply set out to create and whose creation is not seen to have ended."""
    planned: dict[ResourceKey, str] = {}
    for event in _events(lines):
        change, hook = event.get("change", {}), event.get("hook", {})
        if event.get("type") == "planned_change" and change.get("action") in {"create", "replace"}:
            planned[_key(change["resource"])] = change["resource"]["addr"]
        elif event.get("type") in _ENDED and hook.get("action") == "create":
            planned.pop(_key(hook["resource"]), None)
    return planned


def for_people(output: str) -> str:
    """The errors in the output as Terraform shows them to people; the output itself where there are none."""
    diagnostics = [
        event["diagnostic"] for event in _events(output.encode().splitlines()) if "diagnostic" in event
    ]
    errors = [_shown(one) for one in diagnostics if one.get("severity") == "error"]
    return "\n\n".join(errors) or _messages(output)


def _messages(output: str) -> str:
    """Each event's message, and every other line as it is."""
    shown = []
    for line in output.splitlines():
        event = _event(line.encode())
        shown.append(str(event.get("@message", "")) if event else line)
    return "\n".join(shown)


def _shown(diagnostic: JsonObject) -> str:
    """One diagnostic, in the order of Terraform's own text."""
    parts = [f"Error: {diagnostic.get('summary', '')}"]
    where = []
    if diagnostic.get("address"):
        where.append(f"  with {diagnostic['address']},")
    place, snippet = diagnostic.get("range"), diagnostic.get("snippet")
    if place:
        context = f", in {snippet['context']}" if snippet and snippet.get("context") else ""
        where.append(f"  on {place.get('filename')} line {place.get('start', {}).get('line')}{context}:")
    if snippet:
        where += [
            f"  {number:4}: {code}"
            for number, code in enumerate(str(snippet.get("code")).splitlines(), snippet.get("start_line", 1))
        ]
    detail = str(diagnostic.get("detail", "")).strip()
    return "\n\n".join(part for part in (*parts, "\n".join(where), detail) if part)


def _events(lines: Iterable[bytes]) -> Iterator[JsonObject]:
    return (event for line in lines if (event := _event(line)))


def _event(line: bytes) -> JsonObject:
    try:
        return decode(line, JsonObject)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _key(resource: JsonObject) -> ResourceKey:
    return ResourceKey(
        resource.get("module", ""),
        resource["resource_type"],
        resource["resource_name"],
        resource.get("resource_key"),
    )
