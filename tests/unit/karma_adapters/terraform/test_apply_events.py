"""What an apply writes as JSON: creations that began and did not end, and errors for people."""

from __future__ import annotations

import json
from typing import Any

from karma_adapters.terraform.apply_events import (
    ResourceKey,
    begun_creations,
    for_people,
    planned_creations,
)

A = {
    "addr": 'module.m["k"].box.a["one"]',
    "module": 'module.m["k"]',
    "resource_type": "box",
    "resource_name": "a",
    "resource_key": "one",
}
B = {"addr": "box.b[0]", "module": "", "resource_type": "box", "resource_name": "b", "resource_key": 0}
KEY_A, KEY_B = ResourceKey('module.m["k"]', "box", "a", "one"), ResourceKey("", "box", "b", 0)


def hook(kind: str, resource: dict[str, Any], action: str = "create") -> bytes:
    """A line about a resource."""
    return json.dumps({"type": kind, "hook": {"resource": resource, "action": action}}).encode() + b"\n"


def planned(resource: dict[str, Any], action: str) -> bytes:
    """A line of the plan that is applied."""
    return json.dumps({"type": "planned_change", "change": {"resource": resource, "action": action}}).encode()


def test_what_began_and_did_not_end() -> None:
    """A creation without its end is in doubt; one that completed or failed is in the state."""
    lines = [hook("apply_start", A), hook("apply_start", B), hook("apply_complete", A)]
    assert begun_creations(lines) == {KEY_B: "box.b[0]"}
    assert begun_creations([*lines, hook("apply_errored", B)]) == {}


def test_updates_and_deletions_are_in_no_doubt() -> None:
    """The state has them as they were: the next refresh sees what became of them. A replacement creates."""
    lines = [hook("apply_start", A, "update"), hook("apply_start", B, "delete")]
    assert begun_creations(lines) == {}
    replaced = [*lines, hook("apply_complete", B, "delete"), hook("apply_start", B)]
    assert begun_creations(replaced) == {KEY_B: "box.b[0]"}


def test_a_line_that_was_cut_off_is_passed_over() -> None:
    """Its writer was killed while it wrote; and a tool may write plain text."""
    lines = [b"plain text\n", b"[1]\n", hook("apply_start", A), hook("apply_start", B)[:40], b"\xff\xfe"]
    assert begun_creations(lines) == {KEY_A: A["addr"]}


def test_all_that_was_to_be_created() -> None:
    """Where the end of the output may be lost, everything counts that is not seen to have ended."""
    lines = [planned(A, "create"), planned(B, "replace"), hook("apply_start", A), hook("apply_complete", A)]
    assert planned_creations(lines) == {KEY_B: "box.b[0]"}
    assert planned_creations([planned(A, "update"), planned(B, "delete")]) == {}


def test_errors_are_shown_as_terraform_shows_them() -> None:
    """Summary, where, the line of the module, detail; no JSON."""
    diagnostic = {
        "severity": "error",
        "summary": "it broke",
        "detail": "because\n",
        "address": "box.a",
        "range": {"filename": "main.tf", "start": {"line": 3}},
        "snippet": {"context": 'resource "box" "a"', "code": "  x = 1", "start_line": 3},
    }
    warning = {"severity": "warning", "summary": "old", "detail": ""}
    lines = [{"type": "diagnostic", "diagnostic": one} for one in (warning, diagnostic)]
    said = for_people("\n".join(json.dumps(line) for line in lines))
    assert said == (
        "Error: it broke\n\n"
        '  with box.a,\n  on main.tf line 3, in resource "box" "a":\n     3:   x = 1\n\n'
        "because"
    )


def test_an_output_without_errors_is_shown_by_its_messages() -> None:
    """A Terraform that was killed said how far it came; plain text is as it is."""
    assert for_people('{"@message": "box.a: Creating..."}\npanic: no') == "box.a: Creating...\npanic: no"
