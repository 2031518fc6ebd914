"""Request documents, and the configs that they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.changes.request import merge_patch, read_request, wanted
from karma_core.errors import BadInput

# RFC 7396, appendix A: (original, patch, result).
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "result"), RFC_7396)
def test_merge_patches_do_as_the_rfc_says(original: Any, patch: Any, result: Any) -> None:
    """Every example of RFC 7396's appendix; the original is left alone."""
    before = repr(original)
    assert merge_patch(original, patch) == result
    assert repr(original) == before


def config_after(before: dict[str, Any] | None, **change: Any) -> dict[str, Any] | None:
    """What a request makes of a config."""
    return wanted(read_request({"component": "a/one", **change}).components[0], before)


def test_a_component_is_changed_in_one_of_four_ways() -> None:
    """Merge patch or JSON Patch, replacement, creation, removal."""
    assert config_after({"x": 1}, proposed_change={"y": 2}) == {"x": 1, "y": 2}
    assert config_after({"x": 1}, proposed_change=[{"op": "remove", "path": "/x"}]) == {}
    assert config_after({"x": 1}, replace={"z": 3}) == {"z": 3}
    assert config_after(None, create={"z": 3}) == {"z": 3}
    assert config_after({"x": 1}, remove=True) is None


@pytest.mark.parametrize(
    ("before", "change", "code"),
    [
        ({}, {"create": {}}, "already-exists"),
        (None, {"proposed_change": {}}, "missing-component"),
        (None, {"remove": True}, "missing-component"),
        ({}, {"proposed_change": [{"op": "test", "path": "/x", "value": 1}]}, "patch-failed"),
        ({}, {"proposed_change": [{"op": "jump", "path": "/x"}]}, "patch-failed"),
        ({}, {"proposed_change": [{"path": 5}]}, "patch-failed"),
        ({}, {"proposed_change": [{"op": "replace", "path": "", "value": [1]}]}, "patch-failed"),
    ],
)
def test_what_has_no_meaning_is_said(before: Any, change: dict[str, Any], code: str) -> None:
    """A patch that cannot be applied is an error of its own, never a traceback."""
    with pytest.raises(BadInput) as caught:
        config_after(before, **change)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"component": "a/one"},
        {"component": "a/one", "proposed_change": {}, "remove": True},
        {"component": "../etc/passwd", "remove": True},
        {"component": "a/one", "proposed_change": "text"},
        {"component": "a/one", "proposed_change": {}, "base_version": -1},
        {"component": "a/one", "proposed_change": {}, "base_version": "7"},
        {"component": "a/one", "proposed_change": {}, "dry_run": "yes"},
        {"component": "a/one", "proposed_change": {}, "unknown": 1},
        {"changes": []},
        {"changes": [{"component": "a/one", "remove": True}] * 2},
        {"changes": [{"component": "a/one", "remove": True}], "component": "b/two"},
        {"component": "a/one", "proposed_change": {}, "reason": "x" * 2001},
    ],
)
def test_a_document_that_cannot_be_read_is_refused_whole(body: Any) -> None:
    """Nothing is guessed, nothing unknown is ignored."""
    with pytest.raises(BadInput) as caught:
        read_request(body)
    assert caught.value.code == "invalid-request"


def test_a_set_is_sorted() -> None:
    """The same set in another order is the same request."""
    parts = [{"component": a, "remove": True} for a in ("b/two", "a/one")]
    assert [c.component for c in read_request({"changes": parts}).components] == ["a/one", "b/two"]
