"""`would-break`: an apply that would leave a working consumer blocked does not begin."""

from __future__ import annotations

import pytest

from karma_core.changes.states import State
from karma_core.errors import DeployFailed, Refused
from karma_core.plan.document import Plan
from karma_core.records import TerraformJob, TerraformPlan
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.selection.record import Selection
from tests.change_system import ChangeSystem
from tests.memory_system import ALL, System, statuses

CONSUMES = {"b": {"consumes": {"a": ["size"]}}}


@pytest.fixture
def pair() -> System:
    """a/one ← b/two, and d/alone, all deployed; b consumes only a's size."""
    system = System(CONSUMES)
    system.configure(a_one={"size": 1, "note": "x"}, b_two={"a_nickname": "one"}, d_alone={})
    system.deploy()
    system.applies()
    return system


def refuse_size(system: System, size: int) -> None:
    """From now on Terraform cannot plan b/two where a's size is this."""
    plan_as_before = system.terraform.plan

    def plan_job(job: TerraformJob) -> TerraformPlan:
        read = job.variables["dependencies"].get("a/one", {})
        if job.address == "b/two" and read.get("size") == size:
            raise DeployFailed("terraform plan of b/two failed", why="size must be less", code="plan-failed")
        return plan_as_before(job)

    system.terraform.plan = plan_job  # type: ignore[method-assign]


def codes(made: Plan) -> set[tuple[str, str]]:
    """(code, component) of the plan's findings."""
    return {(f.code, f.component) for f in made.findings}


def test_a_value_that_a_working_consumer_cannot_take_stops_the_run(pair: System) -> None:
    """Plan and deploy name the consumer and the key; nothing is applied, also not what stands beside it."""
    refuse_size(pair, 9)
    pair.configure(a_one={"size": 9, "note": "x"}, d_alone={"x": 1})
    made = plan(pair.workspace, ALL)
    assert ("would-break", "a/one") in codes(made)
    with pytest.raises(Refused) as refused:
        pair.deploy()
    assert refused.value.code == "would-break"
    assert "b/two" in refused.value.why
    assert "size" in refused.value.why
    assert pair.applies() == []
    assert pair.state.leases() == ()


def test_a_stored_plan_that_would_break_is_not_applied_either(pair: System) -> None:
    """Whoever orders its deploy by its id."""
    refuse_size(pair, 9)
    pair.configure(a_one={"size": 9, "note": "x"})
    made = plan(pair.workspace, ALL)
    with pytest.raises(Refused, match="would break"):
        pair.deploy(plan_id=made.id)
    assert pair.applies() == []


def test_allow_blocked_goes_on_and_is_logged(pair: System) -> None:
    """The producer is applied, the consumer is left as it is, and the run's event says that it was wanted."""
    refuse_size(pair, 9)
    pair.configure(a_one={"size": 9, "note": "x"})
    result = pair.deploy(allow_blocked=True)
    assert statuses(result) == {"a/one": "applied", "b/two": "blocked", "d/alone": "unchanged"}
    assert result.status == "blocked"
    begun = [e for e in pair.log.events(action="deploy") if e.status == "started"]
    assert begun[-1].inputs["allow_blocked"] is True


def test_a_key_that_goes_breaks_its_reader_also_outside_of_the_selection(pair: System) -> None:
    """The runtime has `size` now, the planned one has not: whoever reads it would be blocked."""
    pair.configure(a_one={"note": "x"})
    with pytest.raises(Refused, match="would break"):
        pair.deploy()
    assert ("would-break", "a/one") in codes(plan(pair.workspace, ALL))


def test_a_consumer_that_changes_with_its_producer_is_not_broken(pair: System) -> None:
    """It does not read the key any more."""
    pair.modules._definitions["b"] = {"consumes": {"a": ["note"]}}
    pair.configure(a_one={"note": "x"}, b_two={"a_nickname": "one", "x": 1})
    assert pair.deploy().status == "succeeded"


def test_a_consumer_that_cannot_be_planned_anyway_is_only_blocked(pair: System) -> None:
    """Its producer is not the cause: it is applied."""
    pair.terraform.failures["b/two"] = "plan"
    pair.configure(a_one={"size": 2, "note": "x"})
    result = pair.deploy()
    assert statuses(result) == {"a/one": "applied", "b/two": "blocked", "d/alone": "unchanged"}
    assert ("would-break", "a/one") not in codes(plan(pair.workspace, ALL))


def test_nobody_looks_ahead_where_nothing_works_yet() -> None:
    """A first deploy plans each component once."""
    system = System(CONSUMES)
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    assert [c for c in system.terraform.calls if c[0] == "plan"] == [("plan", "a/one"), ("plan", "b/two")]


def test_what_was_planned_to_look_ahead_is_applied(pair: System) -> None:
    """A plan made with values that came true is not made twice."""
    pair.terraform.calls.clear()
    pair.configure(a_one={"size": 2, "note": "x"})
    assert statuses(pair.deploy())["b/two"] == "applied"
    plans = [address for command, address in pair.terraform.calls if command == "plan"]
    assert sorted(plans) == ["a/one", "b/two"]


def test_blocked_is_blocked_in_plan_and_deploy(pair: System) -> None:
    """A producer that was never deployed and is not part of the run: its consumer is not applied."""
    pair.configure(a_new={"size": 1}, b_new={"a_nickname": "new"})
    selection = Selection(targets=("b/new",))
    made = plan(pair.workspace, selection)
    result = pair.deploy(selection)
    assert [str(c.action) for c in made.components] == ["blocked"]
    assert statuses(result) == {"b/new": "blocked"}
    assert result.components[0].reason == made.components[0].reason
    assert pair.applies() == []


def test_a_change_that_would_break_is_rejected_unless_it_says_so() -> None:
    """The verdict names producer, consumer and key; with `allow_blocked` it is planned, and applied."""
    system = ChangeSystem(CONSUMES)
    system.configure(a_one={"size": 1, "note": "x"}, b_two={"a_nickname": "one"})
    system.deploy()
    refuse_size(system, 9)
    change = system.request("a/one", proposed_change={"size": 9})
    assert change.status is State.REJECTED
    assert system.codes(change) == {"would-break"}
    allowed = system.request("a/one", proposed_change={"size": 9}, allow_blocked=True)
    assert system.apply(allowed).status is State.APPLIED
    assert system.runtime("a/one")["size"] == 9
