"""What the first check after an apply sees of attributes that the configuration does not set."""

from __future__ import annotations

from typing import Any

from karma_core.records import DriftedAttribute, DriftedResource
from karma_core.use_cases.runs.drift_baseline import against_baseline


def table(route: Any, *, configured: bool = False, change: str = "changed") -> DriftedResource:
    """A route table whose routes differ from the state."""
    attribute = DriftedAttribute(pointer="/route/0", state=None, cloud=route, configured=configured)
    attributes = (attribute,) if change == "changed" else ()
    return DriftedResource(address="aws_route_table.this", type="x", change=change, attributes=attributes)


def test_the_first_check_takes_it_and_later_ones_compare() -> None:
    """As it was: clean. Another value in the same place: drift. A new apply begins anew."""
    first, baseline = against_baseline([table("a")], {}, 3)
    assert first == ()
    again, same = against_baseline([table("a")], baseline, 3)
    assert (again, same) == ((), baseline)
    other, same = against_baseline([table("b")], baseline, 3)
    assert (other, same) == ((table("b"),), baseline)
    applied, anew = against_baseline([table("b")], baseline, 4)
    assert applied == ()
    assert anew != baseline


def test_a_first_check_without_differences_is_a_baseline_too() -> None:
    """What differs only later is drift."""
    _, baseline = against_baseline([], {}, 3)
    assert against_baseline([table("a")], baseline, 3)[0] == (table("a"),)


def test_what_is_never_taken() -> None:
    """What the configuration sets, what is sensitive, and what is gone: drift from the first check on."""
    for resource in (table("a", configured=True), table("(sensitive)"), table(None, change="deleted")):
        found, _ = against_baseline([resource], {}, 3)
        assert found == (resource,)
