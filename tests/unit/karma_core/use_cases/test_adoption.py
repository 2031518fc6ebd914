"""A fleet that is deployed already, and of which Karma has no record, is taken over."""

from __future__ import annotations

import pytest

from karma_core.plan.judge import ADOPTED
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.plans.plan import plan
from karma_log.log import Log
from tests.memory.graph import MemoryGraphStore
from tests.memory.sink import MemorySink
from tests.memory.state import MemoryState
from tests.memory_system import ALL, System, reasons, statuses


@pytest.fixture
def taken_over() -> System:
    """Two components with configs, runtimes and states, and a state store that knows nothing of them."""
    system = System()
    system.configure(a_one={"v": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.applies()
    system.state, system.graph = MemoryState(clock=system.clock), MemoryGraphStore()
    system.log = Log(MemorySink(), system.state)
    heights.accept(system.workspace)
    return system


def test_the_plan_says_that_it_adopts(taken_over: System) -> None:
    """Nothing is to be done to the cloud, and why that is."""
    made = plan(taken_over.workspace, ALL)
    assert [(c.address, c.action, c.reason) for c in made.components] == [
        ("a/one", "no-op", f"never applied{ADOPTED}"),
        ("b/two", "no-op", f"never applied{ADOPTED}"),
    ]


def test_the_deploy_records_and_applies_nothing(taken_over: System) -> None:
    """Afterwards the fleet is as if Karma had applied it: the next deploy finds nothing to do."""
    deployed = taken_over.deploy()
    assert statuses(deployed) == {"a/one": "unchanged", "b/two": "unchanged"}
    assert set(reasons(deployed).values()) == {f"never applied{ADOPTED}"}
    assert taken_over.applies() == []
    assert {a: r.status for a, r in taken_over.state.all_applied().items()} == {
        "a/one": "applied",
        "b/two": "applied",
    }
    assert ADOPTED not in "".join(reasons(taken_over.deploy()).values())


def test_what_differs_is_planned_like_any_change(taken_over: System) -> None:
    """Only a state that fits is adopted."""
    taken_over.configure(a_one={"v": 2})
    actions = {c.address: c.action for c in plan(taken_over.workspace, ALL).components}
    assert actions["a/one"] == "update"
    taken_over.deploy()
    assert "a/one" in taken_over.applies()


def test_what_takes_a_value_of_an_adopted_component_is_planned_with_it() -> None:
    """Also where its runtime is still unwritten: other tools wrote none. The deploy publishes it first."""
    system = System()
    system.configure(a_one={"v": 1}, b_two={"taken": {"$runtime": "a/one#v"}})
    system.deploy()
    system.applies()
    system.state, system.graph = MemoryState(clock=system.clock), MemoryGraphStore()
    system.log = Log(MemorySink(), system.state)
    system.parameters.delete(["/iac/a/one/runtime", "/iac/b/two/runtime"])
    heights.accept(system.workspace)
    made = plan(system.workspace, ALL)
    assert {c.address: (c.action, c.reason) for c in made.components} == dict.fromkeys(
        ("a/one", "b/two"), ("no-op", f"never applied{ADOPTED}")
    )
    assert statuses(system.deploy()) == {"a/one": "unchanged", "b/two": "unchanged"}
    assert system.applies() == []
