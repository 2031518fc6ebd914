"""Dependencies that are turned round are said, applied in the wanted order, and never half destroyed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from karma_core.errors import Refused
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.selection.deployed import select_for_destroy
from tests.memory_system import ALL, System, statuses


def _conflicts(system: System) -> list[str]:
    return [f.message for f in read_fleet(system.workspace).findings if f.code == "order-conflict"]


def test_a_dependency_that_is_turned_round_is_said_until_it_is_deployed() -> None:
    """A needed b, now b needs a: a goes first, without b, and then all agree."""
    system = System()
    system.configure(a_one={"b_nickname": "two"}, b_two={"x": 1})
    system.deploy()
    assert _conflicts(system) == []
    system.configure(a_one={}, b_two={"a_nickname": "one"})
    (said,) = _conflicts(system)
    assert "a/one → b/two → a/one" in said
    system.applies()
    assert set(statuses(system.deploy()).values()) == {"applied"}
    assert system.applies() == ["a/one", "b/two"]
    assert _conflicts(system) == []


def test_a_dependency_that_is_only_dropped_is_no_conflict() -> None:
    """What is deployed and not wanted any more forms no circle by itself."""
    system = System()
    system.configure(a_one={"b_nickname": "two"}, b_two={})
    system.deploy()
    system.configure(a_one={})
    assert _conflicts(system) == []


def test_deployments_in_a_circle_are_not_destroyed() -> None:
    """None of them could go first."""
    system = System()
    system.configure(a_one={"b_nickname": "two"}, b_two={})
    system.deploy()
    record = system.state.applied("b/two")
    assert record is not None
    system.state._applied["b/two"] = replace(record, edges=("a/one",))
    with pytest.raises(Refused) as caught:
        select_for_destroy(system.workspace, ALL)
    assert caught.value.code == "order-conflict"
