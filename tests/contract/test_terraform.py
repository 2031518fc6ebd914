"""The contract of `ports.Terraform`, on the fake, the real binary and the embedded Terraform."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from karma_core.errors import DeployFailed
from karma_core.ports import Terraform
from karma_core.records import TerraformJob
from tests.memory.terraform import MemoryModules, MemoryTerraform
from tests.terraform_system import make_system

CANARY = "canary-7f3a9"
ADDRESS = "box/one"

Subject = tuple[Terraform, Callable[..., TerraformJob]]


def _memory() -> Subject:
    modules = MemoryModules(("box",))

    def job(destroy: bool = False, **variables: Any) -> TerraformJob:
        module = modules.module("box")
        assert module is not None
        return TerraformJob(address=ADDRESS, module=module, variables=variables, destroy=destroy)

    return MemoryTerraform(), job


@pytest.fixture(params=["memory", "terraform", "embedded"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    """A Terraform, and what makes jobs for it."""
    if request.param == "memory":
        return _memory()
    system = make_system(tmp_path, request.param)
    return system.terraform, lambda destroy=False, **variables: system.job(ADDRESS, destroy, **variables)


def test_life_of_a_component(subject: Subject) -> None:
    """Create, nothing, update, replace, destroy: each is planned as what the apply then does."""
    terraform, job = subject
    first = job(config={"name": "a"})
    assert not terraform.has_state(ADDRESS)

    create = terraform.plan(first)
    assert (create.action, create.add, create.change, create.destroy) == ("create", 1, 0, 0)
    assert create.outputs.unknown == {"runtime": {"id": True}}
    assert [(r.address, r.action) for r in create.resources] == [("terraform_data.this", "create")]
    made = terraform.apply(first, create).values["runtime"]
    assert made["name"] == "a"
    assert made["id"]
    assert terraform.has_state(ADDRESS)
    assert terraform.outputs(first).values["runtime"] == made

    nothing = terraform.plan(first)
    assert (nothing.action, nothing.add, nothing.change, nothing.destroy) == ("no-op", 0, 0, 0)
    assert nothing.saved == ""
    assert nothing.outputs.known["runtime"] == made

    second = job(config={"name": "b"})
    update = terraform.plan(second)
    assert (update.action, update.add, update.change, update.destroy) == ("update", 0, 1, 0)
    assert update.outputs.known["runtime"] == {"name": "b", "id": made["id"]}
    assert terraform.apply(second, update).values["runtime"] == {"name": "b", "id": made["id"]}

    third = job(config={"name": "b", "replace_on": "now"})
    replace = terraform.plan(third)
    assert (replace.action, replace.add, replace.change, replace.destroy) == ("replace", 1, 0, 1)
    assert replace.outputs.unknown == {"runtime": {"id": True}}
    assert terraform.apply(third, replace).values["runtime"]["id"] != made["id"]

    last = job(destroy=True, config={"name": "b", "replace_on": "now"})
    destroy = terraform.plan(last)
    assert (destroy.action, destroy.add, destroy.change, destroy.destroy) == ("destroy", 0, 0, 1)
    assert terraform.apply(last, destroy).values == {}
    assert not terraform.has_state(ADDRESS)
    assert terraform.plan(last).action == "no-op"


def test_a_changed_dependency_is_a_change(subject: Subject) -> None:
    """What a producer published is an input like the config."""
    terraform, job = subject
    before = job(config={}, dependencies={"vpc/core": {"id": "vpc-1"}})
    terraform.apply(before, terraform.plan(before))
    assert terraform.plan(before).action == "no-op"
    assert terraform.plan(job(config={}, dependencies={"vpc/core": {"id": "vpc-2"}})).action == "update"


def test_sensitive_values_are_masked(subject: Subject) -> None:
    """A sensitive output is named as such, and its value stands nowhere but in the outputs."""
    terraform, job = subject
    given = job(config={"secret": CANARY})
    plan = terraform.plan(given)
    assert plan.outputs.sensitive == ("secret",)
    assert CANARY not in repr(plan.resources)
    assert CANARY not in plan.text
    outputs = terraform.apply(given, plan)
    assert outputs.sensitive == ("secret",)
    assert outputs.values["secret"] == CANARY
    again = terraform.plan(job(config={"secret": CANARY, "name": "x"}))
    assert CANARY not in repr(again.resources)
    assert CANARY not in again.text


def test_secrets_of_the_inputs_are_masked_where_nothing_marks_them(subject: Subject) -> None:
    """As they are and encoded, in resources and text; what is beside them stays, outputs are exact."""
    terraform, job = subject
    encoded = base64.b64encode(f"u:{CANARY}".encode()).decode()
    given = replace(job(config={"url": f"x://{CANARY}", "blob": encoded, "name": "open"}), secrets=(CANARY,))
    plan = terraform.plan(given)
    assert "open" in repr(plan.resources)
    assert not [text for text in (CANARY, encoded) if text in repr(plan.resources) + plan.text]
    assert terraform.apply(given, plan).values["runtime"]["blob"] == encoded
    assert not terraform.plan(given).saved


def test_a_plan_is_applied_once(subject: Subject) -> None:
    """A plan that was applied, or never saved, is refused."""
    terraform, job = subject
    given = job(config={"n": 1})
    plan = terraform.plan(given)
    terraform.apply(given, plan)
    for used in (plan, terraform.plan(given)):
        with pytest.raises(DeployFailed) as caught:
            terraform.apply(given, used)
        assert caught.value.code == "plan-expired"


def test_a_stale_plan_is_refused(subject: Subject) -> None:
    """A plan from before another apply does nothing."""
    terraform, job = subject
    first, second = job(config={"n": 1}), job(config={"n": 2})
    old, new = terraform.plan(first), terraform.plan(second)
    terraform.apply(second, new)
    with pytest.raises(DeployFailed) as caught:
        terraform.apply(first, old)
    assert caught.value.code == "stale-plan"
    assert terraform.outputs(second).values["runtime"]["n"] == 2


def test_values_are_data(subject: Subject) -> None:
    """Templates, commands and quotes in a config reach the component as they are."""
    terraform, job = subject
    hostile = {"a": '${file("/etc/passwd")}', "b": "`id`; rm -rf /", "c": '%{ if true }"\n', "d": "-destroy"}
    given = job(config=hostile)
    runtime = terraform.apply(given, terraform.plan(given)).values["runtime"]
    assert {key: runtime[key] for key in hostile} == hostile
    assert terraform.plan(given).action == "no-op"


def test_a_refresh_changes_nothing(subject: Subject) -> None:
    """It finds no drift where there is none, gives the outputs, and leaves state and plans as they are."""
    terraform, job = subject
    given = job(config={"name": "a", "secret": CANARY})
    runtime = terraform.apply(given, terraform.plan(given)).values["runtime"]
    waiting = job(config={"name": "b"})
    plan = terraform.plan(waiting)
    report = terraform.refresh(given)
    assert (report.address, report.resources) == (ADDRESS, ())
    assert report.outputs.known["runtime"] == runtime
    assert report.outputs.sensitive == ("secret",)
    assert terraform.apply(waiting, plan).values["runtime"]["name"] == "b"


def test_a_refresh_without_a_state(subject: Subject) -> None:
    """There is nothing that could differ."""
    terraform, job = subject
    assert terraform.refresh(job(config={})).resources == ()
    assert not terraform.has_state(ADDRESS)


def test_version_has_name_and_number(subject: Subject) -> None:
    """Fingerprints hold the tool's name with its version."""
    name, number = subject[0].version().split(" ")
    assert name in {"memory", "terraform", "opentofu"}
    assert number[0].isdigit()


def test_a_state_moves_to_another_address(subject: Subject) -> None:
    """Planned on the old state before, with nothing to apply; moved once, a second call changes nothing."""
    terraform, job = subject
    old = job(config={"name": "a"})
    made = terraform.apply(old, terraform.plan(old)).values["runtime"]
    new = replace(old, address="box/two", state_of=ADDRESS)
    foreseen = terraform.plan(new)
    assert (foreseen.action, foreseen.saved) == ("no-op", "")
    assert not terraform.has_state("box/two")
    for _ in range(2):
        terraform.move(new)
    assert terraform.has_state("box/two")
    assert not terraform.has_state(ADDRESS)
    moved = replace(new, state_of="")
    assert terraform.plan(moved).action == "no-op"
    assert terraform.outputs(moved).values["runtime"] == made


def test_what_an_apply_elsewhere_would_create_is_lacking_until_it_is_there(subject: Subject) -> None:
    """Compared by the addresses of the plan; one that was here is known otherwise."""
    terraform, make_job = subject
    job = make_job(config={"name": "a"})
    planned = terraform.plan(job)
    names = [one.address for one in planned.resources if one.action == "create"]
    before = terraform.digests(job.address, names)
    assert before == dict.fromkeys(names, "")
    assert terraform.lacking(job.address, "elsewhere", before) == tuple(sorted(names)) != ()
    assert terraform.lacking(job.address, terraform.place(), before) == ()
    terraform.apply(job, planned)
    assert terraform.lacking(job.address, "elsewhere", before) == ()


def test_an_apply_that_ended_leaves_nothing_in_doubt(subject: Subject) -> None:
    """Nobody was killed: nothing may have been created unseen, and to accept that changes nothing."""
    terraform, job = subject
    first = job(config={"name": "a"})
    terraform.apply(first, terraform.plan(first))
    assert terraform.maybe_created(ADDRESS) == ()
    assert terraform.unsettled() == ()
    terraform.accept_created(ADDRESS)
    assert terraform.plan(first).action == "no-op"


def test_the_height_of_a_state_rises(subject: Subject) -> None:
    """None before the first apply; then one lineage, a serial that rises, the number of managed resources."""
    terraform, job = subject
    assert terraform.height(ADDRESS) is None
    heights = []
    for size in (1, 2):
        given = job(config={"size": size})
        outputs = terraform.apply(given, terraform.plan(given))
        assert outputs.state == terraform.outputs(given).state == terraform.height(ADDRESS)
        heights.append(terraform.height(ADDRESS))
    last = job(destroy=True, config={"size": 2})
    terraform.apply(last, terraform.plan(last))
    heights.append(terraform.height(ADDRESS))
    known = [height for height in heights if height is not None]
    assert [height.resources for height in known] == [1, 1, 0]
    assert len({height.lineage for height in known}) == 1
    assert known[0].lineage
    assert known[0].serial < known[1].serial < known[2].serial


def test_a_moved_state_keeps_its_lineage(subject: Subject) -> None:
    """So that it is known again under the new address; the old one's is empty."""
    terraform, job = subject
    old = job(config={"name": "a"})
    terraform.apply(old, terraform.plan(old))
    before = terraform.height(ADDRESS)
    terraform.move(replace(old, address="box/two", state_of=ADDRESS))
    after, left = terraform.height("box/two"), terraform.height(ADDRESS)
    assert before is not None
    assert after is not None
    assert left is not None
    assert (after.lineage, after.resources, left.resources) == (before.lineage, 1, 0)
    assert after.serial >= before.serial


def test_what_was_written_needs_no_recovery(subject: Subject) -> None:
    """After an apply that wrote its state nothing is kept aside."""
    terraform, job = subject
    first = job(config={"name": "a"})
    terraform.apply(first, terraform.plan(first))
    assert not terraform.unsaved(ADDRESS)
