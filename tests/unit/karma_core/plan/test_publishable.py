"""What a runtime may hold: all that Karma can read back and a parameter can keep, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.plan.publishable import check_planned, check_runtime
from karma_core.records import PlannedRuntime


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


KEPT: list[dict[str, Any]] = [
    {},
    {"n": 2**64 - 1, "m": -(2**63)},
    {"n": 2**70, "m": Decimal("1e400"), "z": Decimal("12345678901234567890.123456789")},
    {"n": 1.5e308, "m": 5e-324, "z": 0.0},
    {"deep": nested(63)},
    {"t": "{ {", "u": "\x00\U0001f600", "": "", "n": None, "b": True},
    {"a": {"b": [{"c": 1}]}},
]
REFUSED = [
    ({"n": 10**4000}, "runtime-unreadable", "/n is a number of more than 4,000 digits"),
    ({"a": {"b": [1, -(10**4000)]}}, "runtime-unreadable", "/a/b/1 is a number of more than 4,000 digits"),
    ({"n": Decimal("1e4000")}, "runtime-unreadable", "/n is a number of more than 4,000 digits"),
    ({"n": Decimal("1e-4000")}, "runtime-unreadable", "/n is a number of more than 4,000 digits"),
    ({"n": float("nan")}, "runtime-unreadable", "/n is a number of more than 4,000 digits"),
    ({"n": float("-inf")}, "runtime-unreadable", "/n is a number of more than 4,000 digits"),
    ({"deep": nested(64)}, "runtime-unreadable", "nested deeper than 64 levels"),
    ({"deep": nested(5000)}, "runtime-unreadable", "nested deeper than 64 levels"),
    ({"t": "\ud800"}, "runtime-unreadable", "/t holds half of a surrogate pair"),
    ({"\udfff": 1}, "runtime-unreadable", "holds half of a surrogate pair"),
    ({"t": ["a {{ b"]}, "parameter-reference", "/t/0 holds {{"),
    ({"{{": 1}, "parameter-reference", "holds {{"),
    ({"t": "x" * 8192}, "too-large", "8,192"),
]


@pytest.mark.parametrize("runtime", KEPT)
def test_what_is_taken_is_read_back_as_it_was(runtime: dict[str, Any]) -> None:
    """The reader of all parameters gives the same value again."""
    check_runtime("a/b", runtime)
    assert strictjson.parse_object(strictjson.canonical(runtime), where="runtime") == runtime


@pytest.mark.parametrize(("runtime", "code", "why"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_could_not_be_read_back_is_refused_with_its_place(
    runtime: dict[str, Any], code: str, why: str
) -> None:
    """The message has the place, and no value: it may be a secret."""
    with pytest.raises(BadInput) as caught:
        check_runtime("a/b", runtime)
    assert caught.value.code == code
    assert why in caught.value.why
    assert caught.value.next_step
    assert "0000000000" not in str(caught.value)


def test_a_runtime_larger_than_a_parameter_is_refused() -> None:
    """8,192 bytes fit, one more does not."""
    check_runtime("a/b", {"k": "x" * (8192 - 8)})
    with pytest.raises(BadInput, match="8,193 bytes"):
        check_runtime("a/b", {"k": "x" * (8192 - 7)})


def test_a_plan_refuses_what_it_knows() -> None:
    """A known part is judged beside unknown ones."""
    planned = PlannedRuntime(known={"id": None, "n": 10**4000}, unknown={"id": True})
    with pytest.raises(BadInput, match="more than 4,000 digits"):
        check_planned("a/b", planned)
    with pytest.raises(BadInput, match="bytes"):
        check_planned("a/b", PlannedRuntime(known={"id": None, "t": "x" * 9000}, unknown={"id": True}))


def test_a_plan_does_not_refuse_what_may_fit() -> None:
    """An unknown part may be one byte long: what may still fit is left to the apply."""
    check_planned("a/b", PlannedRuntime(unknown=True))
    ids = PlannedRuntime(known={"ids": [None] * 4000}, unknown={"ids": [True] * 4000})
    check_planned("a/b", ids)
    with pytest.raises(BadInput, match="bytes"):
        check_planned("a/b", PlannedRuntime(known={"ids": [None] * 5000}, unknown={"ids": [True] * 5000}))
