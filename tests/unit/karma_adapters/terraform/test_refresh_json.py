"""Drift as Terraform prints it.

`recorded/refresh.json` is what Terraform 1.11 with the AWS provider 3.39 said of three SSM parameters: one
that was overwritten, one that was deleted, and one that had just been made; shortened to a few attributes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from karma_adapters.terraform import refresh_json
from karma_core.records import DriftedAttribute

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "refresh.json").read_text())


def document(
    before: Any, after: Any, *, actions: tuple[str, ...] = ("update",), **marks: Any
) -> dict[str, Any]:
    """A refresh that found one resource to differ."""
    change = {"actions": list(actions), "before": before, "after": after, **marks}
    return {"resource_drift": [{"address": "x.y", "mode": "managed", "type": "x", "change": change}]}


def test_a_recorded_refresh() -> None:
    """What was overwritten and what was deleted; secrets masked although they differ."""
    report = refresh_json.read(RECORDED, address="box/one")
    assert [(r.address, r.change) for r in report.resources] == [
        ("aws_ssm_parameter.one", "changed"),
        ("aws_ssm_parameter.two", "deleted"),
    ]
    assert report.resources[0].attributes == (
        DriftedAttribute(pointer="/value", state="(sensitive)", cloud="(sensitive)"),
        DriftedAttribute(pointer="/version", state=1, cloud=2),
    )
    assert report.outputs.known["runtime"] == {"name": "/one", "version": 2}
    shown = repr(report.resources)
    assert not any(secret in shown for secret in ("first", "other", "hunter22"))


def test_empty_and_null_are_the_same() -> None:
    """Providers on the older SDK read back an empty value where they had stored null: nobody changed that."""
    for empty in ("", [], {}):
        assert refresh_json.read(document({"a": None}, {"a": empty}), address="b/c").resources == ()
    for value in (0, False, "x", [1]):
        assert refresh_json.read(document({"a": None}, {"a": value}), address="b/c").resources != ()


def test_a_secret_inside_a_masked_part_stays_masked() -> None:
    """A mark on something around a difference hides it; so does the same value elsewhere."""
    refreshed = document(
        {"all": {"k": "old-secret"}, "note": "old-secret"},
        {"all": {"k": "new-secret"}, "note": "is new-secret now"},
        before_sensitive={"all": True},
        after_sensitive={"all": True},
    )
    report = refresh_json.read(refreshed, address="b/c")
    assert [a.pointer for a in report.resources[0].attributes] == ["/all/k", "/note"]
    assert "secret" not in repr(report.resources)


def test_a_secret_known_from_elsewhere_is_masked_too() -> None:
    """Such as a sensitive variable: a resource that has it without a mark does not show it."""
    refreshed = document({"note": "the canary-1 of old"}, {"note": "something else"})
    report = refresh_json.read(refreshed, address="b/c", hidden=["canary-1"])
    assert [a.pointer for a in report.resources[0].attributes] == ["/note"]
    assert "canary-1" not in repr(report.resources)


def test_places_in_lists_and_odd_names() -> None:
    """Pointers are escaped, and lead to a place that one side does not have."""
    refreshed = document({"a/b": [1]}, {"a/b": [1, 2], "c~d": 3})
    assert refresh_json.read(refreshed, address="b/c").resources[0].attributes == (
        DriftedAttribute(pointer="/a~1b/1", state=None, cloud=2),
        DriftedAttribute(pointer="/c~0d", state=None, cloud=3),
    )


def test_a_move_is_no_drift() -> None:
    """Terraform lists a resource with another address there, too."""
    moved = document({"a": 1}, {"a": 1}, action="no-op")
    assert refresh_json.read(moved, address="b/c").resources == ()
    assert refresh_json.read({}, address="b/c").resources == ()
