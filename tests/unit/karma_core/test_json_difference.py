"""Differences of JSON values, against the library that applies JSON patches."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from karma_core.json_difference import differences
from karma_core.strictjson import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a~/", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a~/0", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
OPERATIONS = {"added": "add", "changed": "replace", "removed": "remove"}


@given(before=VALUES, after=VALUES)
def test_differences_lead_from_before_to_after(before: Any, after: Any) -> None:
    """Applied as a JSON Patch, the differences turn one value into the other; equal values have none."""
    pointers = differences(before, after)
    assert (pointers == ()) == (canonical(before) == canonical(after))
    removals = [place for place in pointers if place.op == "removed"]
    others = [place for place in pointers if place.op != "removed"]
    # Later array items are removed first and added last, so that no index moves under another.
    by_index = lambda place: [(len(part), part) for part in place.pointer.split("/")]  # noqa: E731
    steps = [*sorted(others, key=by_index), *sorted(removals, key=by_index, reverse=True)]
    patch = [{"op": OPERATIONS[step.op], "path": step.pointer, "value": step.after} for step in steps]
    assert canonical(jsonpatch.apply_patch(copy.deepcopy(before), patch)) == canonical(after)


def test_numbers_and_booleans_differ() -> None:
    """1, true and 1.0 are equal in Python; 1 and true are not in JSON."""
    assert differences({"a": 1}, {"a": True}) != ()
    assert differences([0], [False]) != ()
