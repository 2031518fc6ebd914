"""The three-way merge of JSON values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.three_way import ABSENT, Overlap, merge, same

BASE = {"size": 1, "tags": {"a": "x", "b": "y"}, "zones": [1, 2]}


@pytest.mark.parametrize(
    ("git", "store", "merged"),
    [
        ({**BASE, "size": 2}, BASE, {**BASE, "size": 2}),
        (BASE, {**BASE, "size": 3}, {**BASE, "size": 3}),
        ({**BASE, "size": 2}, {**BASE, "new": None}, {**BASE, "size": 2, "new": None}),
        ({**BASE, "size": 2}, {**BASE, "size": 2}, {**BASE, "size": 2}),
        (
            {**BASE, "tags": {"a": "x"}},
            {**BASE, "tags": {"a": "z", "b": "y"}},
            {**BASE, "tags": {"a": "z"}},
        ),
        ({**BASE, "zones": [1, 2, 3]}, {**BASE, "size": 2}, {**BASE, "zones": [1, 2, 3], "size": 2}),
    ],
)
def test_edits_of_different_places_merge(git: Any, store: Any, merged: Any) -> None:
    """Edits of one side, of different members, and equal edits of both need no decision."""
    assert merge(BASE, git, store) == merge(BASE, git, store, git_wins=True)
    assert (merge(BASE, git, store).value, merge(BASE, git, store).overlaps) == (merged, ())


def test_edits_of_one_place_overlap() -> None:
    """Every such place is named with its three values; a side that has it not is absent, null is a value."""
    git = {"size": 2, "tags": {"a": "git", "b": None}, "zones": [1]}
    store = {"size": True, "tags": {"a": "x"}, "zones": [2]}
    found = merge(BASE, git, store)
    assert found.overlaps == (
        Overlap(pointer="/size", base=1, git=2, store=True),
        Overlap(pointer="/tags/b", base="y", git=None, store=ABSENT),
        Overlap(pointer="/zones", base=[1, 2], git=[1], store=[2]),
    )
    assert found.value == {"size": True, "tags": {"a": "git"}, "zones": [2]}
    assert merge(BASE, git, store, git_wins=True).value == git


def test_what_both_added_merges_member_by_member() -> None:
    """Two new objects are no conflict as long as no member of them is."""
    assert merge(ABSENT, {"a": 1, "b": 2}, {"a": 1, "c": 3}).value == {"a": 1, "b": 2, "c": 3}
    assert [o.pointer for o in merge({}, {"a/b": {"~": 1}}, {"a/b": {"~": 2}}).overlaps] == ["/a~1b/~0"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(values, values, values)
def test_a_side_that_did_not_edit_never_wins(base: Any, git: Any, store: Any) -> None:
    """Edits of one side make that side's value; without overlaps it does not matter who wins."""
    assert same(merge(base, base, store).value, store)
    assert same(merge(base, git, base).value, git)
    found = merge(base, git, store)
    if not found.overlaps:
        assert same(found.value, merge(base, git, store, git_wins=True).value)
        assert same(found.value, merge(base, store, git).value)
