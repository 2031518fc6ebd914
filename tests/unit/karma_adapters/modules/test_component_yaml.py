"""component.yaml is a mapping and nothing cleverer."""

from __future__ import annotations

import pytest

from karma_adapters.modules import component_yaml
from karma_core.errors import BadInput


def test_values_are_json_values() -> None:
    """Dates stay strings; comments and nesting are read."""
    assert component_yaml.read(b"a: 2026-01-31 # x\nb: [1, {c: null}]\n", "box/component.yaml") == {
        "a": "2026-01-31",
        "b": [1, {"c": None}],
    }


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b"a: 1\nb: 2\na: 3\n", 3, 1),
        (b"a:\n  x: 1\n  x: 2\n", 3, 3),
        (b"a: &x [1]\nb: *x\n", 2, 4),
        (b"1: a\n", 1, 1),
        (b"yes: a\n", 1, 1),
        (b"a: [1\n", 2, 1),
        (b"a: !!python/object:os.system x\n", 1, 4),
        (b"- a\n", 1, 1),
        (b"", 1, 1),
        (b"a: \xff\n", 1, 1),
        (b"[" * 100_000, 1, 1),
        (b"a: '" + b"x" * (1 << 18) + b"'", 1, 1),
    ],
)
def test_what_is_refused_has_its_place(text: bytes, line: int, column: int) -> None:
    """Keys that stand twice, aliases, keys that are no strings, tags, lists, nothing, too much."""
    with pytest.raises(BadInput) as caught:
        component_yaml.read(text, "box/component.yaml")
    assert caught.value.code == "component-type"
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (line, column)
