"""Terraform's functions: their values, and that nothing given to them raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import BadInput
from karma_core.inference import functions
from karma_core.inference.evaluate import compile_facts
from karma_core.inference.facts import Site
from karma_core.inference.module_scope import Frame, root_frame
from karma_core.inference.read import read_module
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.values import Failure, Items, Listed, Runtime, Unknown

VALUES = [
    ('upper("a")', "A"),
    ('title("ab cd")', "Ab Cd"),
    ('substr("abcdef", -2, 1)', "e"),
    ('substr("abcdef", 2, -1)', "cdef"),
    ('split(",", "a,b")', Listed(["a", "b"])),
    ('join("-", ["a"], ["b", "c"])', "a-b-c"),
    ('format("%s/%d %%", "a", 3)', "a/3 %"),
    ('replace("a.b.c", ".", "-")', "a-b-c"),
    ('replace("a1b2", "/[0-9]/", "")', "ab"),
    ('regex("([a-z]+)-(\\\\d+)", "ab-12")', ["ab", "12"]),
    ('regex("[a-z]+", "12ab")', "ab"),
    ('trimprefix("a.b", "a.")', "b"),
    ('trim("--a--", "-")', "a"),
    ('element(["a", "b"], 5)', "b"),
    ("distinct([1, 2, 1])", Listed([1, 2])),
    ("flatten([[1, [2]], 3])", [1, 2, 3]),
    ('toset(["b", "a", "b"])', Items(["a", "b"])),
    ("keys({ b = 1, a = 2 })", ["a", "b"]),
    ("values({ b = 1, a = 2 })", [2, 1]),
    ('zipmap(["a"], [1])', {"a": 1}),
    ("merge({ a = 1 }, null, { a = 2, b = 3 })", {"a": 2, "b": 3}),
    ("merge([{ a = 1 }, { b = 2 }]...)", {"a": 1, "b": 2}),
    ("concat([1], [2, 3])", [1, 2, 3]),
    ('compact(["", null, "a"])', Listed(["a"])),
    ('contains(["a"], "a")', True),
    ('coalesce(null, "", "a")', "a"),
    ("coalescelist([], [1])", [1]),
    ('lookup({ a = 1 }, "b", 2)', 2),
    ('jsondecode("{\\"a\\": [1]}").a[0]', 1),
    ('jsondecode(jsonencode({ a = "x" })).a', "x"),
    ('tonumber("3") + 1', 4),
    ("tostring(true)", "true"),
    ("slice([1, 2, 3], 1, 3)", [2, 3]),
    ("one([])", None),
    ("one([7])", 7),
    ("length([1, 2])", 2),
    ("range(3)", Listed([0, 1, 2])),
    ("1 + 2 * 3 == 7 && !(2 < 1)", True),
    ('"1" == 1', False),
    ('"2" * 3', 6),
    ("{ for k, v in { a = 1, b = 2 } : v => k... if v > 1 }", {"2": ["b"]}),
    ('[for i, v in ["x", "y"] : "${i}${v}"]', ["0x", "1y"]),
    ('{ "a" : 1, (upper("b")) = 2 }', {"a": 1, "B": 2}),
    ("[{ a = 1 }, { a = 2 }][*].a", [1, 2]),
    ('try([{}.x], ["a"])[0]', "a"),
    ('can(regex("^a", "b"))', False),
    ('"a$${b}%%{c}"', "a${b}%{c}"),
    ('" ${"a"} b ${~ "c" ~} d "', " a bcd "),
    ("<<E\n  a ${1}\nE\n", "  a 1\n"),
    ("<<-E\n    a\n      b\n  E\n", "a\n  b\n"),
]


def frame_of(expression: str) -> Frame:
    """A module whose local `a` is the expression."""
    text = f"locals {{\n  a = {expression}\n}}\n".encode()
    inputs = Inputs("app/web", "/iac", {"config": {}})
    return root_frame(compile_facts(read_module("app", {"app/main.tf": text})), Reading(inputs))


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_values_are_terraforms(expression: str, value: Any) -> None:
    """As `terraform console` gives them."""
    evaluated = frame_of(expression).local("a")
    assert evaluated == value
    assert type(evaluated) is type(value)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ('regex("a", "b")', Failure),
        ('tonumber("x")', Failure),
        ("one([1, 2])", Failure),
        ("{}.x", Failure),
        ("[1][3]", Failure),
        ("null.x", Failure),
        ('"a" + 1', Failure),
        ("1 / 0", Unknown),
        ("element([], 0)", Failure),
        ("local.b", Failure),
        ('templatefile("x", {})', Unknown),
        ('format("%+d", 1)', Unknown),
        ('regex("(a+)+", "aa")', Unknown),
        ("timestamp()", Unknown),
        ("aws_x.y.id", Unknown),
    ],
)
def test_what_fails_and_what_is_not_computed(expression: str, kind: type) -> None:
    """Terraform would stop at the first; nobody but Terraform knows the second."""
    assert type(frame_of(expression).local("a")) is kind


BROKEN = "{}.x"
UNKNOWN = "uuid()"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (f"true || {BROKEN}", True),
        (f"{BROKEN} || true", True),
        (f"false && {BROKEN}", False),
        (f"(true || {BROKEN}) ? 1 : 2", 1),
        (f"can(false || {BROKEN})", False),
        (f"can(true && {BROKEN})", False),
        (f"try(false || {BROKEN}, 7)", 7),
        ('can(false || "x")', False),
        ("can(true || false)", True),
    ],
)
def test_a_decided_operation_has_its_value_where_an_operand_fails(expression: str, value: Any) -> None:
    """Terraform 1.12 has this value too, and an older one stops there; both stop where nothing is decided."""
    assert frame_of(expression).local("a") == value


@pytest.mark.parametrize(
    "expression",
    [
        f"can(true || {BROKEN})",
        f"can({BROKEN} && false)",
        f"try(true || {BROKEN}, false)",
        f"try([false && {BROKEN}][0], 7)",
        f"can({UNKNOWN} == 1 || {BROKEN})",
        'can(true || "x")',
        'true || "x"',
    ],
)
def test_what_versions_of_terraform_differ_in_is_unknown(expression: str) -> None:
    """Before 1.12 both operands are always evaluated: `can(true || error)` is false there, and true since."""
    assert type(frame_of(expression).local("a")) is Unknown


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([Unknown("x"), Failure("y"), Runtime("a/b")]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted({*functions.TEXT, *functions.STRUCTURE})), st.lists(ANY, max_size=4))
def test_no_function_raises(name: str, arguments: list[Any]) -> None:
    """Whatever a module gives a function, the build goes on."""
    function = functions.TEXT.get(name) or functions.STRUCTURE[name]
    functions.call(function, name, arguments)


@given(st.text("abc{}[]()\"'$%=<>!?:.,*+-/&|\n 01", max_size=40))
def test_no_expression_raises(text: str) -> None:
    """Whatever the parser takes is evaluated to something, or refused as unreadable."""
    site = _site(text)
    if site is not None:
        frame_of(text).local("a")


def _site(text: str) -> Site | None:
    try:
        body = read_module("app", {"app/main.tf": f"locals {{\n  a = {text}\n}}\n".encode()}).body
    except BadInput:
        return None
    return body.locals.get("a")
