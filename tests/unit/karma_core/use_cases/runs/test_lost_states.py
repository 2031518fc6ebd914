"""States and runtimes that are lost, foreign or old: said everywhere, and nothing is done on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from karma_core import failpoints
from karma_core.errors import KarmaError, LeaseHeld, NotFound, Refused, StoreUnavailable, UsageError
from karma_core.plan.document import Plan, summary_text
from karma_core.records import JournalEntry
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.states import check_all_states
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.leasing import component_lease
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.acceptance import accept
from karma_core.use_cases.runs.deploy import idle
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL, Killed, System, reasons, statuses

Harm = Callable[[System], object]


def lose(system: System) -> None:
    """Delete the state."""
    system.terraform.lose_state("b/two")


def empty(system: System) -> None:
    """Take its resources out of it."""
    system.terraform.empty_state("b/two")


def swap(system: System) -> None:
    """Put another component's in its place."""
    system.terraform.put_state("b/two", system.terraform.copy_of_state("d/alone"))


def turn_back(system: System) -> None:
    """Put an older copy of it back."""
    old = system.terraform.copy_of_state("b/two")
    system.configure(b_two={"a_nickname": "one", "size": 2})
    system.deploy()
    system.terraform.put_state("b/two", old)


HARMS = [
    pytest.param(lose, "state-lost", id="deleted"),
    pytest.param(empty, "state-lost", id="emptied"),
    pytest.param(swap, "state-lost", id="foreign"),
    pytest.param(turn_back, "state-older", id="older"),
]


@pytest.fixture
def chain() -> System:
    """a/one ← b/two ← c/three, and d/alone, deployed."""
    system = System()
    system.configure(
        a_one={"size": 1},
        b_two={"a_nickname": "one"},
        c_three={"b_nickname": "two"},
        d_alone={"x": 1},
    )
    assert system.deploy().status == "succeeded"
    system.terraform.calls.clear()
    return system


def destroyed(system: System) -> dict[str, str]:
    """How a destroy of everything ended, by address."""
    return statuses(destroy(system.workspace, ALL, ThreadExecutor))


def actions(made: Plan) -> dict[str, str]:
    """Address → action."""
    return {c.address: str(c.action) for c in made.components}


def codes(made: Plan) -> set[tuple[str, str]]:
    """Code and component of each finding."""
    return {(f.code, f.component) for f in made.findings}


def test_an_apply_notes_the_height(chain: System) -> None:
    """Lineage, serial and number of resources, right after the apply."""
    record = chain.state.applied("b/two")
    assert record is not None
    assert record.state == chain.terraform.height("b/two")
    assert record.state is not None
    assert record.state.resources == 1


@pytest.mark.parametrize(("harm", "code"), HARMS)
def test_nothing_relies_on_it(chain: System, harm: Harm, code: str) -> None:
    """Plan and deploy block it and its consumers, drift says it, destroy stops it; the others go on."""
    harm(chain)
    chain.terraform.calls.clear()
    made = plan(chain.workspace, ALL)
    assert actions(made) == {"a/one": "no-op", "b/two": "blocked", "c/three": "blocked", "d/alone": "no-op"}
    assert (code, "b/two") in codes(made)
    assert "No changes" not in summary_text(made)
    assert idle(chain.workspace, ALL) is None
    chain.configure(d_alone={"x": 2})
    result = chain.deploy()
    assert result.status == "blocked"
    assert statuses(result) == {
        "a/one": "unchanged",
        "b/two": "blocked",
        "c/three": "blocked",
        "d/alone": "applied",
    }
    assert code in reasons(result)["b/two"]
    checked = {c.address: str(c.status) for c in check_drift(chain.workspace).components}
    assert checked == {"a/one": "clean", "b/two": code, "c/three": "clean", "d/alone": "clean"}
    shown = plan_destroy(chain.workspace, ALL)
    assert actions(shown)["b/two"] == "blocked"
    assert (code, "b/two") in codes(shown)
    assert destroyed(chain) == {
        "a/one": "blocked",
        "b/two": "blocked",
        "c/three": "destroyed",
        "d/alone": "destroyed",
    }
    assert [a for command, a in chain.terraform.calls if command == "apply" and a == "b/two"] == []


@pytest.mark.parametrize(("harm", "code"), HARMS)
def test_every_deployed_component_is_looked_at(chain: System, harm: Harm, code: str) -> None:
    """`graph validate` says it, also of one whose config is gone."""
    harm(chain)
    chain.remove("b/two")
    fleet = read_fleet(chain.workspace)
    found = check_all_states(chain.workspace, fleet).findings
    assert (code, "b/two") in {(f.code, f.component) for f in found}


@pytest.mark.parametrize(("harm", "code"), HARMS)
def test_a_person_says_that_it_is_right(chain: System, harm: Harm, code: str) -> None:
    """Then it is planned as it is now, and deployed; who said so is in the log."""
    harm(chain)
    accepted = accept(chain.workspace, "state:b/two")
    assert (accepted.kind, accepted.name, accepted.doubt) == ("state", "b/two", code)
    assert chain.events("accept") == [("b/two", "succeeded")]
    made = actions(plan(chain.workspace, ALL))
    assert made["b/two"] == (
        "create" if harm in (lose, empty) else "update" if harm is turn_back else made["b/two"]
    )
    assert made["b/two"] not in {"blocked", "cut_off"}
    result = chain.deploy()
    assert result.status == "succeeded"
    assert statuses(result)["a/one"] == "unchanged"
    assert idle(chain.workspace, ALL) is not None
    record = chain.state.applied("b/two")
    assert record is not None
    assert record.state == chain.terraform.height("b/two")


def test_a_lost_state_that_was_accepted_has_nothing_to_destroy(chain: System) -> None:
    """A person took the responsibility; until then it is never called destroyed."""
    lose(chain)
    only = Selection(targets=("c/three", "b/two"))
    assert statuses(destroy(chain.workspace, only, ThreadExecutor))["b/two"] == "blocked"
    accept(chain.workspace, "state:b/two")
    again = Selection(targets=("b/two",))
    assert statuses(destroy(chain.workspace, again, ThreadExecutor)) == {"b/two": "destroyed"}


def test_what_nobody_doubts_is_not_accepted(chain: System) -> None:
    """Nor what is not deployed, of another kind, or worked on by a run."""
    for wanted, code in (
        ("state:b/two", "nothing-to-accept"),
        ("state:e/none", "not-found"),
        ("store:state", "nothing-to-accept"),
    ):
        with pytest.raises((Refused, NotFound)) as caught:
            accept(chain.workspace, wanted)
        assert caught.value.code == code
    for wanted in ("state", "state:", "weather:b/two", "store:graph", ""):
        with pytest.raises(UsageError):
            accept(chain.workspace, wanted)
    lose(chain)
    lease = chain.state.acquire([component_lease("b/two")], "somebody", 60)
    with pytest.raises(LeaseHeld):
        accept(chain.workspace, "state:b/two")
    chain.state.release(lease)
    assert chain.events("accept") == []


def test_an_older_store_is_accepted_by_its_name(chain: System) -> None:
    """An emptied store blocks everything, also the acceptance of a state; then it is taken as it is."""
    chain.parameters.delete([heights.parameter_name("/iac")])
    lose(chain)
    assert set(actions(plan(chain.workspace, ALL)).values()) == {"blocked"}
    with pytest.raises(Refused) as caught:
        accept(chain.workspace, "state:b/two")
    assert caught.value.code == "store-older"
    accepted = accept(chain.workspace, "store:parameters")
    assert (accepted.doubt, chain.events("accept")) == ("store-older", [(None, "succeeded")])
    assert accept(chain.workspace, "state:b/two").warnings == ()
    assert actions(plan(chain.workspace, ALL))["b/two"] == "create"


def test_what_somebody_did_with_terraform_is_fine(chain: System) -> None:
    """A higher serial of the same lineage: nothing runs because of it, and drift looks at it."""
    states = chain.terraform.copy_of_state("b/two")
    chain.terraform.put_state("b/two", (states[0], states[1] + 3, states[2]))
    assert set(actions(plan(chain.workspace, ALL)).values()) == {"no-op"}
    assert {str(c.status) for c in check_drift(chain.workspace).components} == {"clean"}


def test_an_old_record_adopts_the_height(chain: System) -> None:
    """A record of an older Karma knows none: nothing runs because of it, and the next success notes it."""
    record = chain.state.applied("b/two")
    assert record is not None
    entry = JournalEntry(
        run_id="old", address="b/two", generation=record.generation, step="x", status="x", at=""
    )
    chain.state.journal(entry, applied=replace(record, state=None))
    assert set(actions(plan(chain.workspace, ALL)).values()) == {"no-op"}
    assert idle(chain.workspace, ALL) is not None
    chain.configure(b_two={"a_nickname": "one", "size": 5})
    chain.deploy()
    record = chain.state.applied("b/two")
    assert record is not None
    assert record.state == chain.terraform.height("b/two")


def test_a_destroy_that_was_killed_goes_on(chain: System) -> None:
    """Its state is empty because Karma itself destroyed the component and could not say so any more."""

    def hook(reached: str) -> None:
        if reached == "destroy.after_destroy":
            chain.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            destroy(chain.workspace, Selection(targets=("d/alone",)), ThreadExecutor)
    finally:
        failpoints.install(None)
    chain.clock.pass_seconds(600)
    height = chain.terraform.height("d/alone")
    assert height is not None
    assert height.resources == 0
    assert statuses(destroy(chain.workspace, Selection(targets=("d/alone",)), ThreadExecutor)) == {
        "d/alone": "destroyed"
    }


def test_a_state_that_goes_while_a_deploy_runs_blocks(chain: System) -> None:
    """It is looked at again right before it is planned: nothing is created a second time."""
    chain.configure(b_two={"a_nickname": "one", "size": 7})

    def hook(reached: str) -> None:
        if reached == "deploy.after_start":
            lose(chain)

    failpoints.install(hook)
    try:
        result = chain.deploy(Selection(targets=("b/two",)))
    finally:
        failpoints.install(None)
    assert statuses(result)["b/two"] == "blocked"
    assert "b/two" not in chain.applies()


# -- runtimes ---------------------------------------------------------------------------------------------


def delete_runtime(system: System, address: str) -> None:
    """Delete the runtime parameter."""
    system.parameters.delete([f"/iac/{address}/runtime"])


def test_a_lost_runtime_is_published_again(chain: System) -> None:
    """From the state, without Terraform; it is said, is a change of the plan, and no consumer runs."""
    before = chain.runtime("a/one")
    delete_runtime(chain, "a/one")
    made = plan(chain.workspace, ALL)
    assert ("runtime-lost", "a/one") in codes(made)
    assert actions(made) == {"a/one": "update", "b/two": "no-op", "c/three": "no-op", "d/alone": "no-op"}
    assert made.changes
    chain.terraform.calls.clear()
    result = chain.deploy()
    assert result.status == "succeeded"
    assert statuses(result)["a/one"] == "applied"
    assert statuses(result)["b/two"] == "unchanged"
    assert chain.terraform.calls == []
    assert chain.runtime("a/one") == before
    assert idle(chain.workspace, ALL) is not None


def test_a_lost_runtime_of_what_runs_anyway(chain: System) -> None:
    """Its module has other files and Terraform no changes: the plan says that the runtime is published."""
    before = chain.runtime("a/one")
    delete_runtime(chain, "a/one")
    chain.modules.edit("a", "2")
    made = plan(chain.workspace, Selection(targets=("a/one",)))
    shown = {one.address: one for one in made.components}["a/one"]
    assert (str(shown.action), "will be published again" in shown.reason) == ("update", True)
    result = chain.deploy()
    assert statuses(result)["a/one"] == "applied"
    assert "published again" in reasons(result)["a/one"]
    assert (chain.runtime("a/one"), chain.applies()) == (before, [])
    published = [e for e in chain.log.events(action="runtime_publish") if e.component == "a/one"]
    assert published[-1].inputs["lost"] is True


def test_a_component_whose_runtime_is_gone_counts_as_changed(chain: System) -> None:
    """So that a deploy of what has changed brings it back, too."""
    delete_runtime(chain, "a/one")
    assert statuses(chain.deploy(Selection(changed=True)))["a/one"] == "applied"
    assert chain.runtime("a/one")


def test_a_consumer_is_decided_by_the_republished_runtime(chain: System) -> None:
    """Also where its producer is no part of the plan: it is never planned with a value that is missing."""
    delete_runtime(chain, "a/one")
    made = plan(chain.workspace, Selection(targets=("b/two",)))
    assert actions(made) == {"b/two": "no-op", "c/three": "no-op"}
    chain.configure(b_two={"a_nickname": "one", "size": 3})
    assert statuses(chain.deploy(Selection(targets=("b/two",))))["b/two"] == "applied"


def test_a_consumer_of_what_nobody_knows_is_blocked(chain: System) -> None:
    """Runtime and state are both gone: a consumer would be deployed with nothing."""
    delete_runtime(chain, "a/one")
    chain.terraform.lose_state("a/one")
    made = plan(chain.workspace, Selection(targets=("b/two",)))
    assert actions(made)["b/two"] == "blocked"
    assert ("runtime-lost", "b/two") in codes(made)


def test_a_reload_publishes_it_first() -> None:
    """A component that is only reloaded gets its runtime back in the same run."""
    reloads = {"b": {"propagation": "reload", "reload": {"command": ["true"]}}}
    system = System(reloads)
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    before = system.runtime("b/two")
    delete_runtime(system, "b/two")
    system.configure(a_one={"size": 2})
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "reloaded"}
    assert system.runtime("b/two") == before


def test_states_that_cannot_be_reached(chain: System) -> None:
    """A validation says that it did not look at them; a plan does not go on without knowing."""

    def unreachable(_address: str) -> object:
        raise StoreUnavailable("the bucket does not answer", next_step="try again")

    chain.terraform.height = unreachable  # type: ignore[method-assign, assignment]
    findings = check_all_states(chain.workspace, read_fleet(chain.workspace)).findings
    assert [(f.code, str(f.severity)) for f in findings] == [("states-unread", "warning")]
    with pytest.raises(StoreUnavailable):
        plan(chain.workspace, ALL)


def test_a_state_that_cannot_be_read_blocks_its_component(chain: System) -> None:
    """The others go on."""
    height = chain.terraform.height

    def damaged(address: str) -> object:
        if address == "b/two":
            raise KarmaError("the state of b/two cannot be read", code="state-unreadable")
        return height(address)

    chain.terraform.height = damaged  # type: ignore[method-assign, assignment]
    made = plan(chain.workspace, ALL)
    assert actions(made)["b/two"] == "blocked"
    assert ("state-unreadable", "b/two") in codes(made)
    assert actions(made)["a/one"] == "no-op"
