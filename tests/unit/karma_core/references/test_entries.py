"""The walk that all resolvers share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.references.entries import pointer_to, values_at, walk

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=12,
)


def at(config: Any, pointer: str) -> Any:
    """The value at a JSON pointer, by RFC 6901."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        config = config[int(key)] if isinstance(config, list) else config[key]
    return config


@given(st.dictionaries(st.text(max_size=3), values, max_size=4))
def test_every_entry_lies_where_its_pointer_says(config: dict[str, Any]) -> None:
    """A pointer made of an entry leads to the entry's value, and no two are the same."""
    entries = walk(config)
    pointers = [pointer_to(path, key) for key, _, path in entries]
    assert len(set(pointers)) == len(pointers)
    assert all(at(config, pointer) is value for pointer, (_, value, _) in zip(pointers, entries, strict=True))


@given(st.dictionaries(st.text(max_size=3), values, max_size=4))
def test_every_member_is_walked(config: dict[str, Any]) -> None:
    """As many entries as objects and arrays have members."""

    def members(value: Any) -> int:
        below = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return len(below) + sum(map(members, below))

    assert len(walk(config)) == members(config)


def test_depth_needs_no_recursion() -> None:
    """A config nested far beyond the recursion limit is walked."""
    config: dict[str, Any] = {}
    inner = config
    for _ in range(5_000):
        inner["a"] = {}
        inner = inner["a"]
    assert len(walk(config)) == 5_000


def test_dots_descend_and_lists_are_entered() -> None:
    """A field leads through objects, and through every item of a list on the way or at its end."""
    config = {"a": [{"b": "x"}, {"c": 1}, {"b": ["y", "z"]}], "b": "no"}
    assert list(values_at(config, "a.b")) == [("x", "/a/0/b"), ("y", "/a/2/b/0"), ("z", "/a/2/b/1")]


@pytest.mark.parametrize(
    ("key", "pointer"),
    [("a", "/x/a"), (0, "/x/0"), ("a/b", "/x/a~1b"), ("a~b", "/x/a~0b"), ("~1", "/x/~01"), ("~/", "/x/~0~1")],
)
def test_a_pointer_escapes_what_would_divide_it(key: str | int, pointer: str) -> None:
    """As RFC 6901 says: first the tilde, then the slash."""
    assert pointer_to("/x", key) == pointer
