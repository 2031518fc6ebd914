"""Plans: what a cone's components are said to do, and what stops a plan. Use cases on memory adapters."""

from __future__ import annotations

import pytest

from karma_core.plan.document import Plan
from karma_core.records import Parameter, PlannedRuntime
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, System, reasons, statuses

CONSUMES = {"b": {"consumes": {"a": ["size"]}}}


def actions(made: Plan) -> dict[str, str]:
    """Address → action."""
    return {c.address: str(c.action) for c in made.components}


@pytest.fixture
def cone() -> System:
    """a/one ← b/two ← c/three ← d/four, deployed; e/alone beside it. b consumes only a's size."""
    system = System(CONSUMES)
    system.configure(
        a_one={"size": 1, "note": "x"},
        b_two={"a_nickname": "one"},
        c_three={"b_nickname": "two"},
        d_four={"c_nickname": "three"},
        e_alone={"x": 1},
    )
    system.deploy()
    return system


def test_what_lies_in_the_cone_of_a_change_is_cut_off_and_the_rest_unchanged(cone: System) -> None:
    """All behind a cut-off is cut off with it, and says where the change ended; nothing else is."""
    cone.configure(a_one={"size": 1, "note": "y"})
    made = plan(cone.workspace, ALL)
    assert actions(made) == {
        "a/one": "update",
        "b/two": "cut_off",
        "c/three": "cut_off",
        "d/four": "cut_off",
        "e/alone": "no-op",
    }
    why = {c.address: c.reason for c in made.components}
    assert why["b/two"] == "a/one will change, but what is consumed of it (size) is the same"
    assert why["c/three"] == "the change ends before it, at b/two"
    assert why["d/four"] == "the change ends before it, at c/three"
    assert why["e/alone"] == "nothing that decides its deployment changed"

    done = cone.deploy()
    assert {a: s for a, s in statuses(done).items() if s == "cut_off"}.keys() == {
        "b/two",
        "c/three",
        "d/four",
    }
    assert statuses(done)["e/alone"] == "unchanged"
    assert reasons(done)["d/four"] == "the change ends before it, at c/three"


def test_an_own_cause_behind_a_cut_off_wins(cone: System) -> None:
    """It runs; and what lies behind it sees its change."""
    cone.configure(a_one={"size": 1, "note": "y"}, c_three={"b_nickname": "two", "z": 1})
    assert actions(plan(cone.workspace, ALL)) == {
        "a/one": "update",
        "b/two": "cut_off",
        "c/three": "update",
        "d/four": "update",
        "e/alone": "no-op",
    }
    assert statuses(cone.deploy())["d/four"] == "applied"


def test_a_run_without_changes_spreads_nothing_outside_a_cone(cone: System) -> None:
    """A module changed in words only: its plan is empty, and nobody behind it is in a changing cone."""
    cone.modules.edit("b", "2")
    made = plan(cone.workspace, ALL)
    assert set(actions(made).values()) == {"no-op"}
    assert next(c.reason for c in made.components if c.address == "b/two").endswith("its plan has no changes")
    assert set(statuses(cone.deploy()).values()) == {"unchanged"}


def test_a_type_without_a_module_is_an_error_of_the_plan(cone: System) -> None:
    """A warning for a build, an error for a plan; said once, and its cone is blocked with it."""
    cone.configure(zzz_new={"x": 1}, c_more={"zzz_nickname": "new"})
    made = plan(cone.workspace, ALL)
    errors = [(f.code, f.severity, f.component) for f in made.findings if f.code == "unknown-type"]
    assert errors == [("unknown-type", "error", "zzz/new")]
    assert actions(made)["zzz/new"] == actions(made)["c/more"] == "blocked"
    assert made.status == "blocked"


def test_a_producer_that_was_never_deployed_is_a_finding_of_the_plan() -> None:
    """A plan of the consumer alone names it; one that includes it does not."""
    system = System()
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    made = plan(system.workspace, Selection(targets=("b/two",)))
    assert [(f.code, f.severity, f.component) for f in made.findings] == [
        ("producer-not-deployed", "error", "b/two")
    ]
    assert "--with-producers" in made.components[0].reason
    assert plan(system.workspace, Selection(targets=("b/two",), with_producers=True)).findings == ()


def test_a_module_that_reads_parameters_is_told_those_that_will_be(cone: System) -> None:
    """Planned runtimes of what it consumes and configs as a change proposes them, by parameter name."""
    name = "/iac/b/two/config"
    value = '{"a_nickname": "one", "z": 1}'
    proposed = Parameter(name=name, value=value, version=2)
    fleet = read_fleet(cone.workspace, overlay={name: proposed})
    fleet.values.foresee("a/one", PlannedRuntime(known={"size": 2}, unknown={"id": True}))
    module = fleet.values.module("b/two")
    assert module is not None
    consumed = fleet.consumed("b/two")
    assert fleet.values.job("b/two", module, consumed).parameters == {}
    assert fleet.values.job("b/two", module, consumed, reads_parameters=True).parameters == {
        "/iac/a/one/runtime": PlannedRuntime(known={"size": 2}, unknown={"id": True}),
        name: PlannedRuntime(known={"a_nickname": "one", "z": 1}),
    }


def test_a_deploy_says_why_a_component_is_blocked(cone: System) -> None:
    """In the result itself, for whoever reads only that: what failed, and the first line of why."""
    cone.configure(zzz_new={"x": 1})
    result = cone.deploy()
    assert reasons(result)["zzz/new"] == (
        "zzz/new cannot be planned: the type zzz has no Terraform module; add components/zzz/main.tf"
    )
