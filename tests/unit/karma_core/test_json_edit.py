"""Editing a JSON text: what does not differ stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.json_edit import edited
from karma_core.three_way import same

TEXT = """{
    "name" : "core",
    "rate": 1.50e1,
    "tags": {"z": 1, "a": "\\u00e9"},

    "list": [ 1,
        2 ],
    "last": true
}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name" : "core"', '"name" : "edge"'),
        ('{"z": 1, "a"', '{"z": 7, "a"'),
        ('"z": 1, ', ""),
        ('    "name" : "core",\n', ""),
        (',\n    "last": true', ""),
        ('"\\u00e9"}', '"\\u00e9", "m": 5}'),
        ('"last": true', '"last": true,\n    "more": {\n        "deep": []\n    }'),
        ("[ 1,\n        2 ]", "[ 1,\n        3 ]"),
    ],
)
def test_only_what_differs_is_written(old: str, new: str) -> None:
    """The text is that which a careful person would have edited: order, indentation, escapes, numbers."""
    wanted = TEXT.replace(old, new)
    assert edited(TEXT.encode(), json.loads(wanted)).decode() == wanted


@pytest.mark.parametrize(
    ("raw", "wanted", "text"),
    [
        ('{"b":1,"a":2}', {"a": 2, "b": 3}, '{"b":3,"a":2}'),
        ('{"b": 1}', {"b": 1, "a": {"x": 1}}, '{"b": 1, "a": {"x": 1}}'),
        ('{"b":1}', {"b": 1, "a": {"x": 1}}, '{"b":1,"a":{"x":1}}'),
        (
            '{\r\n\t"b": 1\r\n}',
            {"b": 1, "a": {"x": 1}},
            '{\r\n\t"b": 1,\r\n\t"a": {\r\n\t\t"x": 1\r\n\t}\r\n}',
        ),
        ("{}\n", {"a": 1}, '{"a": 1}\n'),
        ('{\n  "a": {}\n}', {"a": {"b": 1}}, '{\n  "a": {\n    "b": 1\n  }\n}'),
        ("no json", {"b": 1, "a": 2}, '{\n  "a": 2,\n  "b": 1\n}\n'),
    ],
)
def test_forms(raw: str, wanted: Any, text: str) -> None:
    """Compact files, tabs, CRLF, no newline at the end; what is no JSON is written readably."""
    assert edited(raw.encode(), wanted).decode() == text


keys = st.text('ab"\\{[,:é', max_size=2)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(keys, values), st.dictionaries(keys, values), st.sampled_from([None, 1, 2, "\t"]))
def test_the_result_is_what_was_wanted(before: Any, wanted: Any, indent: Any) -> None:
    """Whatever stands in the file, afterwards it holds the value; an equal value changes no byte."""
    raw = json.dumps(before, indent=indent).encode()
    assert same(json.loads(edited(raw, wanted)), wanted)
    assert edited(raw, before) == raw
