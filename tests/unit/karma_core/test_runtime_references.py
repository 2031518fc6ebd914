"""`$runtime` in configs: what is a reference, what it consumes, and what it stands for."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.json_types import JsonValue
from karma_core.records import PlannedRuntime
from karma_core.runtime_references import Malformed, RuntimeReference, parse, references, resolve


def reference(text: str, **more: Any) -> RuntimeReference:
    """What `{"$runtime": text, …}` is; it must be well formed."""
    made = parse({"$runtime": text, **more})
    assert isinstance(made, RuntimeReference)
    return made


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("vpc/core#id", ("id",), "id"),
        ("vpc/core#endpoint.host", ("endpoint", "host"), "endpoint.host"),
        ("vpc/core#/endpoint/host", ("endpoint", "host"), "endpoint.host"),
        ("vpc/core#subnets.0", ("subnets", "0"), "subnets"),
        ("vpc/core#/subnets/0/id", ("subnets", "0", "id"), "subnets"),
        ("vpc/core#/a~1b/c~0d", ("a/b", "c~d"), "a/b.c~d"),
        ("vpc/core#/a.b/c", ("a.b", "c"), "a.b"),
        ("vpc/core#/a/b.c/d", ("a", "b.c", "d"), "a"),
        ("vpc/core#/0", ("0",), "0"),
    ],
)
def test_a_reference_consumes_one_key(text: str, path: tuple[str, ...], key: str) -> None:
    """As far as a runtime can be asked for it: places in lists and keys with dots end the path."""
    made = reference(text)
    assert (made.target, made.path, made.key, made.has_default) == ("vpc/core", path, key, False)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"$runtime": 7}, "no text"),
        ({"$runtime": "vpc/core"}, "names no key"),
        ({"$runtime": "vpc/core#"}, "names no key"),
        ({"$runtime": "vpc/core#/"}, "names no key"),
        ({"$runtime": "vpc#id"}, "not a component's address"),
        ({"$runtime": "/iac/vpc/core/runtime#id"}, "not a component's address"),
        ({"$runtime": "vpc/core#a..b"}, "empty step"),
        ({"$runtime": "vpc/core#id", "defualt": 1}, "not defualt"),
        ({"$runtime": "vpc/core#id", "default": [{"$runtime": "vpc/core#id"}]}, "default is a reference"),
    ],
)
def test_what_looks_like_a_reference_and_is_none(body: dict[str, Any], why: str) -> None:
    """It is said why; it is never taken for data."""
    made = parse(body)
    assert isinstance(made, Malformed)
    assert why in made.why


def test_references_are_found_wherever_a_value_may_stand() -> None:
    """In objects and lists, at any depth; not in what is literal, and not in a reference's own default."""
    one = {"$runtime": "a/b#c", "default": {"$runtime": "a/b#d"}}
    config = {"a": one, "b": [1, {"c": one}], "d": {"$literal": {"e": one}}, "$other": {"f/g": one}}
    assert [pointer for pointer, _ in references(config)] == ["/a", "/b/1/c", "/$other/f~1g"]


RUNTIME = PlannedRuntime(
    known={
        "id": None,
        "cidr": "10.0.0.0/8",
        "nothing": None,
        "a.b": 1,
        "zones": [{"id": "z0"}, {"id": None}],
    },
    unknown={"id": True, "zones": [False, {"id": True}], "host": {"name": True}},
)


@pytest.mark.parametrize(
    ("selector", "value", "marks"),
    [
        ("cidr", "10.0.0.0/8", None),
        ("nothing", None, None),
        ("id", None, True),
        ("id.anything", None, True),
        ("a.b", 1, None),
        ("/a.b", 1, None),
        ("zones.0.id", "z0", None),
        ("/zones/1/id", None, True),
        ("zones", [{"id": "z0"}, {"id": None}], [False, {"id": True}]),
        ("host.name", None, True),
    ],
)
def test_a_reference_is_what_the_runtime_has_there(selector: str, value: JsonValue, marks: JsonValue) -> None:
    """Unknown where the producer's plan does not know it; null is a value like any other."""
    made = resolve({"v": {"$runtime": f"vpc/core#{selector}"}}, {"vpc/core": RUNTIME})
    assert made.config == {"v": value}
    assert made.marks == (None if marks is None else {"v": marks})
    assert made.missing == ()


@pytest.mark.parametrize("selector", ["absent", "cidr.x", "zones.2", "/zones/x", "host.other"])
def test_a_key_that_is_missing_is_its_default_or_said(selector: str) -> None:
    """A default stands in for it, also a null one."""
    body = {"$runtime": f"vpc/core#{selector}"}
    made = resolve({"a": {"b": body}}, {"vpc/core": RUNTIME})
    assert made.config == {"a": {"b": None}}
    assert made.missing == (("/a/b", "vpc/core", selector),)
    for default in (None, 5, {"x": 1}):
        made = resolve({"a": {**body, "default": default}}, {"vpc/core": RUNTIME})
        assert (made.config, made.marks, made.missing) == ({"a": default}, None, ())


def test_a_runtime_of_which_nothing_is_known_gives_unknowns() -> None:
    """In lists, too, beside what is known."""
    config = {"ids": ["a", {"$runtime": "vpc/core#id"}], "size": 1}
    made = resolve(config, {"vpc/core": PlannedRuntime(unknown=True)})
    assert made.config == {"ids": ["a", None], "size": 1}
    assert made.marks == {"ids": [False, True]}


def test_what_is_literal_is_taken_as_it_is() -> None:
    """Also where it looks like a reference."""
    inner = {"$runtime": "vpc/core#id", "x": {"$literal": 1}}
    made = resolve({"a": {"$literal": inner}, "$other": {"b": 1}}, {})
    assert made.config == {"a": inner, "$other": {"b": 1}}
    assert made.missing == ()
