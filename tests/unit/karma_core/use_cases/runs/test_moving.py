"""`moved_from`: a renamed component keeps what is deployed. Real use cases on in-memory adapters."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core import failpoints
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, Killed, System, reasons, statuses


@pytest.fixture
def system() -> System:
    """a/old ← b/two, deployed; then a/old is renamed to a/new in both configs."""
    made = System()
    made.configure(a_old={"size": 1}, b_two={"a_nickname": "old"})
    made.deploy()
    made.applies()
    made.configure(a_new={"size": 1, "moved_from": "a/old"}, b_two={"a_nickname": "new"})
    return made


def _problems(system: System) -> dict[str, str]:
    """Component → message of its `moved-from` finding."""
    return {f.component: f.message for f in read_fleet(system.workspace).findings if f.code == "moved-from"}


def _check_the_end(system: System, identity: str) -> None:
    assert system.runtime("a/new")["id"] == identity
    assert system.runtime("a/old") is None
    assert system.parameters.get("/iac/a/old/config") is None
    assert system.state.all_applied().keys() == {"a/new", "b/two"}
    assert system.state.applied("b/two").edges == ("a/new",)  # type: ignore[union-attr]
    assert system.terraform._states.keys() == {"a/new", "b/two"}
    assert set(statuses(system.deploy()).values()) == {"unchanged"}
    assert system.log.verify().verified


@pytest.mark.parametrize("removed", [True, False])
def test_a_rename_keeps_what_is_deployed(system: System, removed: bool) -> None:
    """Planned on the old state, nothing is created or destroyed; state, runtime, record and config move."""
    if removed:
        system.remove("a/old")
    identity = system.runtime("a/old")["id"]
    made = plan(system.workspace, ALL)
    assert {c.address: str(c.action) for c in made.components} == {"a/new": "update", "b/two": "update"}
    assert made.components[0].reason == "moved from a/old; config changed"
    assert (made.components[0].add, made.components[0].destroy) == (0, 0)
    assert made.components[1].unknown_inputs == ()
    assert system.runtime("a/old")["id"] == identity, "a plan moves nothing"

    result = system.deploy(plan_id=made.id)
    assert statuses(result) == {"a/new": "applied", "b/two": "applied"}
    assert reasons(result)["a/new"].startswith("moved from a/old; ")
    _check_the_end(system, identity)
    assert system.events("component_move") == [("a/new", "started"), ("a/new", "succeeded")]


def test_a_damaged_runtime_does_not_move(system: System) -> None:
    """It would get a new checksum; it is written anew from what the state says."""
    before, versions = system.runtime("a/old"), system.parameters._versions
    held = versions["/iac/a/old/runtime"][-1]
    damaged = replace(held, value=(held.value or "").replace('"size":1', '"size":3'))
    versions["/iac/a/old/runtime"] = (damaged,)
    result = system.deploy()
    assert statuses(result)["a/new"] == "applied"
    assert system.runtime("a/new") == {**before, "moved_from": "a/old"}
    _check_the_end(system, before["id"])


BOUNDARIES = ["deploy.after_state_move", "deploy.before_record_move", "deploy.after_apply"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_rename_that_died_is_ended_by_the_resumed_run(system: System, boundary: str) -> None:
    """Each part of the move can be done again."""
    identity = system.runtime("a/old")["id"]

    def hook(reached: str) -> None:
        if reached == boundary:
            system.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            system.deploy()
    finally:
        failpoints.install(None)
    system.clock.pass_seconds(61)
    assert system.resume(system.state.runs()[0].id).status == "succeeded"
    _check_the_end(system, identity)


def test_a_failed_move_leaves_everything_where_it_was(system: System) -> None:
    """The next deploy tries again."""
    identity = system.runtime("a/old")["id"]
    system.terraform.failures["a/new"] = "move"
    assert statuses(system.deploy()) == {"a/new": "failed", "b/two": "blocked"}
    assert system.runtime("a/old")["id"] == identity
    system.terraform.failures.clear()
    assert system.deploy().status == "succeeded"
    _check_the_end(system, identity)


def test_the_old_component_is_nobodys_to_deploy(system: System) -> None:
    """Neither with everything nor by name, as long as another takes it over."""
    made = plan(system.workspace, Selection(targets=("a/old",)))
    assert "a/old" not in {c.address for c in made.components}


@pytest.mark.parametrize(
    ("configs", "component", "said"),
    [
        ({"a_new": {"moved_from": 7}}, "a/new", "not a component's address"),
        ({"a_new": {"moved_from": "a/new"}}, "a/new", "names itself"),
        ({"a_new": {"moved_from": "c/old"}}, "a/new", "of another type"),
        ({"a_third": {"moved_from": "a/old"}}, "a/third", "another component claims a/old"),
        ({"a_third": {"moved_from": "a/new"}}, "a/third", "deploy that first"),
        ({"b_two": {"a_nickname": "old"}}, "a/new", "b/two still depend on a/old; let them name a/new"),
    ],
)
def test_a_claim_that_cannot_be_carried_out_is_an_error(
    system: System, configs: dict[str, Any], component: str, said: str
) -> None:
    """It stops the component and its cone, and takes nothing from anybody."""
    system.configure(**configs)
    assert said in _problems(system)[component]
    assert statuses(system.deploy())[component] == "blocked"
    assert component not in system.state.all_applied()


def test_a_claim_on_what_was_never_deployed_makes_a_new_component() -> None:
    """Another environment has nothing under the old name; and once applied, a claim says nothing more."""
    system = System()
    system.configure(a_new={"size": 1, "moved_from": "a/old"})
    assert statuses(system.deploy()) == {"a/new": "applied"}
    system.configure(a_old={"size": 2})
    assert _problems(system) == {}
    assert statuses(system.deploy())["a/old"] == "applied"
    assert set(system.state.all_applied()) == {"a/new", "a/old"}


def test_a_lost_state_is_not_moved(system: System) -> None:
    """The component that takes it over is blocked: it would be created a second time."""
    system.terraform.lose_state("a/old")
    made = plan(system.workspace, ALL)
    assert {c.address: str(c.action) for c in made.components} == {"a/new": "blocked", "b/two": "blocked"}
    assert ("state-lost", "a/new") in {(f.code, f.component) for f in made.findings}
    assert set(statuses(system.deploy()).values()) == {"blocked"}
    assert system.applies() == []
