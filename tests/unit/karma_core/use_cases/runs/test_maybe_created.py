"""A component of which a killed apply may have made something: it waits until a person has looked."""

from __future__ import annotations

import pytest

from karma_core import failpoints
from karma_core.errors import LeaseHeld, Refused
from karma_core.use_cases.leasing import component_lease
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.acceptance import accept
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL, Killed, System, statuses

RESOURCE = "terraform_data.this"


@pytest.fixture
def system() -> System:
    """a/one ← b/two, and c/alone; the apply of a/one was killed."""
    made = System()
    made.configure(a_one={"size": 1}, b_two={"a_nickname": "one"}, c_alone={"x": 1})
    made.terraform.unseen["a/one"] = (RESOURCE,)
    return made


def test_a_plan_names_it_and_blocks_what_needs_it(system: System) -> None:
    """The finding names component and resource, and says what to do; others are planned."""
    made = plan(system.workspace, ALL)
    actions = {one.address: one.action for one in made.components}
    assert actions == {"a/one": "blocked", "b/two": "blocked", "c/alone": "create"}
    [finding] = [one for one in made.findings if one.code == "maybe-created"]
    assert finding.component == "a/one"
    assert RESOURCE in finding.message
    assert "karma doctor --accept maybe-created:a/one" in finding.message


def test_a_deploy_leaves_it_alone(system: System) -> None:
    """It and what needs it are blocked, before anything of it is planned; the others are applied."""
    result = system.deploy()
    assert result.status == "blocked"
    assert statuses(result) == {"a/one": "blocked", "b/two": "blocked", "c/alone": "applied"}
    assert {address for _, address in system.terraform.calls} == {"c/alone"}


def test_one_that_comes_to_light_during_the_run_is_blocked_too(system: System) -> None:
    """The Terraform of a dead run is killed while it is waited for: its plan step sees what is left."""
    doubtful = system.terraform.unseen.pop("a/one")
    calls = system.terraform._called

    def called(command: str, address: str) -> None:
        system.terraform.unseen["a/one"] = doubtful
        calls(command, address)

    system.terraform._called = called  # type: ignore[method-assign]
    result = system.deploy()
    assert statuses(result)["a/one"] == "blocked"
    assert "a/one" not in system.applies()


def test_a_destroy_leaves_it_alone(system: System) -> None:
    """What its state lacks would stay for ever, and nobody would know of it."""
    resources = system.terraform.unseen.pop("a/one")
    system.deploy()
    system.terraform.unseen["a/one"] = resources
    planned = plan_destroy(system.workspace, ALL)
    assert {one.address: one.action for one in planned.components}["a/one"] == "blocked"
    assert [one.code for one in planned.findings] == ["maybe-created"]
    result = destroy(system.workspace, ALL, ThreadExecutor)
    assert result.status == "blocked"
    assert statuses(result) == {"a/one": "blocked", "b/two": "destroyed", "c/alone": "destroyed"}


def test_a_person_accepts_and_it_goes_on(system: System) -> None:
    """Who said so, and about what, is in the log; the next deploy works on it."""
    accepted = accept(system.workspace, "maybe-created:a/one")
    assert (accepted.doubt, accepted.resources) == ("maybe-created", (RESOURCE,))
    [event] = system.workspace.log.events(action="accept")
    assert (event.component, event.inputs["resources"]) == ("a/one", [RESOURCE])
    assert statuses(system.deploy())["a/one"] == "applied"
    with pytest.raises(Refused) as caught:
        accept(system.workspace, "maybe-created:a/one")
    assert caught.value.code == "nothing-to-accept"


def test_nothing_is_accepted_while_a_run_works_on_it(system: System) -> None:
    """It may be that run whose apply is in doubt."""
    system.state.acquire([component_lease("a/one")], "somebody", 60)
    with pytest.raises(LeaseHeld):
        accept(system.workspace, "maybe-created:a/one")


def died_elsewhere(*, saved: bool) -> System:
    """a/one was being created on another machine when that was lost; its state may have been saved before."""
    made = System()
    made.configure(a_one={"size": 1}, c_alone={"x": 1})
    made.deploy(Selection(targets=("c/alone",)))
    made.terraform.machine = "there"

    def hook(reached: str) -> None:
        if reached == ("deploy.after_apply" if saved else "deploy.before_apply"):
            made.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            made.deploy()
    finally:
        failpoints.install(None)
    made.terraform.machine = "here"
    made.clock.pass_seconds(61)
    return made


def test_an_apply_that_died_on_another_machine_is_waited_for() -> None:
    """That machine's records are not here: the state store knows what it was about to create."""
    system = died_elsewhere(saved=False)
    made = plan(system.workspace, ALL)
    assert {one.address: one.action for one in made.components} == {"a/one": "blocked", "c/alone": "no-op"}
    [finding] = [one for one in made.findings if one.code == "maybe-created"]
    assert RESOURCE in finding.message
    assert statuses(system.deploy())["a/one"] == "blocked"
    assert accept(system.workspace, "maybe-created:a/one").resources == (RESOURCE,)
    assert statuses(system.deploy())["a/one"] == "applied"


def test_what_the_other_machine_saved_is_not_in_doubt() -> None:
    """The state has it: the next run goes on from there."""
    system = died_elsewhere(saved=True)
    assert {c.action for c in plan(system.workspace, ALL).components} == {"no-op"}
    assert system.deploy().status == "succeeded"


def test_an_apply_that_works_elsewhere_is_not_in_doubt() -> None:
    """Its lease is held."""
    system = died_elsewhere(saved=False)
    system.state.acquire([component_lease("a/one")], "somebody", 60)
    assert {c.action for c in plan(system.workspace, ALL).components} == {"create", "no-op"}


def test_an_apply_whose_end_is_known_is_not_in_doubt() -> None:
    """Also a failed one: Terraform has saved what it made."""
    system = System()
    system.configure(a_one={"size": 1})
    system.terraform.failures["a/one"] = "apply"
    assert system.deploy().status == "failed"
    system.terraform.failures.clear()
    system.terraform.machine = "there"
    assert statuses(system.deploy()) == {"a/one": "applied"}
