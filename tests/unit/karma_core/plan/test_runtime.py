"""Runtimes as they are and as plans foresee them."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import BadInput
from karma_core.plan.runtime import (
    UNKNOWN,
    PlannedRuntime,
    changed_keys,
    counted,
    counted_marks,
    description_of,
    is_secret,
    marked_keys,
    planned_runtime,
    run_of,
    runtime_of,
    secret_keys_of,
    unknown_keys,
)
from karma_core.records import PlannedOutputs, TerraformOutputs


def test_an_output_runtime_is_the_runtime_else_all_outputs_are() -> None:
    """Both styles of module publish."""
    assert runtime_of("a/b", {"runtime": {"id": 1}, "x": 2}) == {"id": 1}
    assert runtime_of("a/b", {"x": 2}) == {"x": 2}


def test_a_runtime_that_is_no_object_is_refused() -> None:
    """Other components read names in it."""
    with pytest.raises(BadInput, match="not an object") as caught:
        runtime_of("a/b", {"runtime": [1]})
    assert caught.value.code == "not-an-object"


def test_values_that_json_tells_apart_are_a_change() -> None:
    """In Python 1, true and 1.0 are equal; whoever reads the runtime gets another value."""
    assert changed_keys({"a": 1, "b": [1], "c": 1}, {"a": True, "b": [1], "c": 1.0}) == ("a", "c")


def test_a_sensitive_output_makes_the_runtime_secret_only_if_it_is_in_it() -> None:
    """A sensitive output beside `runtime` is not published."""
    assert is_secret(TerraformOutputs(values={"runtime": {}, "key": 1}, sensitive=("runtime",)))
    assert not is_secret(TerraformOutputs(values={"runtime": {}, "key": 1}, sensitive=("key",)))
    assert is_secret(TerraformOutputs(values={"key": 1}, sensitive=("key",)))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (PlannedOutputs(known={}, unknown={"runtime": True}), UNKNOWN),
        (
            PlannedOutputs(known={"runtime": {"a": 1, "id": None}}, unknown={"runtime": {"id": True}}),
            PlannedRuntime(known={"a": 1, "id": None}, unknown={"id": True}),
        ),
        (
            PlannedOutputs(known={"a": 1}, unknown={"id": True}),
            PlannedRuntime(known={"a": 1}, unknown={"id": True}),
        ),
        (PlannedOutputs(known={"runtime": {"a": 1}}), PlannedRuntime(known={"a": 1})),
    ],
)
def test_planned_outputs_become_a_planned_runtime(outputs: PlannedOutputs, expected: PlannedRuntime) -> None:
    """Known and unknown part by part, in both styles of module."""
    assert planned_runtime("a/b", outputs) == expected


@pytest.mark.parametrize(
    ("marks", "keys", "expected"),
    [
        ({"id": True}, ("cidr",), ()),
        ({"id": True}, ("cidr", "id"), ("id",)),
        ({"net": {"id": True}}, ("net.id", "net.name"), ("net.id",)),
        ({"net": True}, ("net.id",), ("net.id",)),
        ({"net": {"id": True}}, ("net",), ("net",)),
        ({"ids": [False, True]}, None, ("ids",)),
        (True, None, ("*",)),
        (True, ("id",), ("id",)),
        (None, None, ()),
        ({"a.b": True}, ("a.b",), ("a.b",)),
    ],
)
def test_a_counted_key_is_unknown_if_any_part_of_it_is(marks: Any, keys: Any, expected: Any) -> None:
    """Exactly the counted keys that hang on an unknown."""
    assert unknown_keys(PlannedRuntime(unknown=marks), keys) == expected


def test_only_counted_parts_are_given_on() -> None:
    """A dotted key keeps its path alone, in values and in marks."""
    runtime = {"net": {"id": 1, "name": "n"}, "x": 2}
    assert counted(runtime, ("net.id", "missing")) == {"net": {"id": 1}}
    assert counted(runtime, None) == runtime
    assert counted_marks({"net": {"id": True, "name": True}}, ("net.id", "x")) == {"net": {"id": True}}
    assert counted_marks({"net": True}, ("x",)) is None
    assert counted_marks(True, ("x",)) is True


def test_changed_keys_are_those_added_removed_or_different() -> None:
    """What a consumer may have to notice."""
    assert changed_keys(None, {"a": 1}) == ("a",)
    assert changed_keys({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "d": 1}) == ("b", "c", "d")


def test_a_description_names_the_secret_keys() -> None:
    """And is read back; where the keys cannot be named, or an earlier Karma wrote it, all are secret."""
    text = description_of("a/one", "run-1", secret=["token", "db.url"])
    assert text == "Runtime of a/one, published by Karma in run run-1 (secret=db.url,token)"
    assert (run_of(text), secret_keys_of(text)) == ("run-1", {"token", "db.url"})
    for keys in (["a,b"], ["clé"], ["x" * 500, "y" * 500], [""], []):
        assert secret_keys_of(description_of("a/one", "run-1", secret=keys)) is None
    assert secret_keys_of("Runtime of a/one, published by Karma in run run-1 (secret=) and more") is None


def test_marked_keys_are_those_of_the_runtime() -> None:
    """All of an object `runtime` that is sensitive as a whole; of single outputs, those that are."""
    outputs = TerraformOutputs(values={"runtime": {"a": 1, "b": 2}, "key": 3}, sensitive=("runtime", "key"))
    assert marked_keys(outputs, {"a": 1, "b": 2}) == {"a", "b"}
    outputs = TerraformOutputs(values={"runtime": {"a": 1}, "key": 3}, sensitive=("key",))
    assert marked_keys(outputs, {"a": 1}) == frozenset()
    outputs = TerraformOutputs(values={"key": 3, "a": 1}, sensitive=("key",))
    assert marked_keys(outputs, {"key": 3, "a": 1}) == {"key"}
