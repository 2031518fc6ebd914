"""Values of producers in configs, from plan to destroy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karma_core.plan.document import Plan
from karma_core.policy.rules import Rules, approvals_of_plan
from karma_core.records import TerraformJob
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.destroy import destroy
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL, System, statuses

ID = {"$runtime": "a/one#id"}
CONFIG = {"vpc": ID, "size": {"$runtime": "a/one#size"}, "none": {"$runtime": "a/one#none", "default": 7}}


class Jobs:
    """Notes the jobs that Terraform gets, by address; the newest counts."""

    def __init__(self, system: System) -> None:
        self.of: dict[str, TerraformJob] = {}
        self._plan = system.terraform.plan
        system.terraform.plan = self.plan  # type: ignore[method-assign]  # it only notes, too

    def plan(self, job: TerraformJob) -> Any:
        self.of[job.address] = job
        return self._plan(job)


@pytest.fixture
def system() -> System:
    """b/two takes values of a/one."""
    system = System()
    system.configure(a_one={"size": 1, "other": 1}, b_two=CONFIG)
    return system


def planned(system: System) -> Plan:
    """A plan of everything."""
    return plan(system.workspace, ALL)


def actions(made: Plan) -> dict[str, str]:
    """Address → action."""
    return {one.address: one.action for one in made.components}


def test_a_value_is_unknown_in_the_plan_and_there_at_the_apply(system: System) -> None:
    """What the producer's plan knows is given; the published config keeps the reference."""
    jobs = Jobs(system)
    made = planned(system)
    assert actions(made) == {"a/one": "create", "b/two": "create"}
    job = jobs.of["b/two"]
    assert job.unknown == {"config": {"vpc": True}}
    assert job.variables["config"] == {"vpc": None, "size": 1, "none": 7}
    assert job.variables["dependencies"] == {}
    assert made.components[1].unknown_inputs == ("a/one.id",)
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "applied"}
    config = {"vpc": system.runtime("a/one")["id"], "size": 1, "none": 7}
    assert (jobs.of["b/two"].variables["config"], jobs.of["b/two"].unknown) == (config, {})
    stored = system.parameters.get("/iac/b/two/config")
    assert stored is not None
    assert json.loads(stored.value or "") == CONFIG


def test_a_change_of_another_key_cuts_the_consumer_off(system: System) -> None:
    """And one of the key that is taken runs it."""
    system.deploy()
    system.configure(a_one={"size": 1, "other": 2})
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "cut_off"}
    system.configure(a_one={"size": 2, "other": 2})
    assert actions(planned(system)) == {"a/one": "update", "b/two": "update"}
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "applied"}


def test_a_key_that_the_plan_takes_away_stops_the_run(system: System) -> None:
    """Before anything is applied: the consumer works today."""
    system.configure(a_one={"size": 1}, b_two={"size": {"$runtime": "a/one#size"}})
    system.deploy()
    system.configure(a_one={"other": 1})
    made = planned(system)
    assert actions(made)["b/two"] == "blocked"
    assert {f.code for f in made.findings} >= {"consumed-key-missing", "would-break"}


def test_the_resolved_config_is_compared_with_the_schema(system: System) -> None:
    """In plan and deploy; what is not known yet satisfies it, and the message has no value."""
    schema = {"properties": {"size": {"maximum": 1}, "vpc": {"pattern": "^x"}}}
    system.modules._definitions["b"] = {"schema": schema}
    assert actions(planned(system)) == {"a/one": "create", "b/two": "create"}
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "blocked"}
    made = planned(system)
    [finding] = [f for f in made.findings if f.component == "b/two"]
    assert finding.code == "schema"
    assert "/vpc" in finding.message
    assert system.runtime("a/one")["id"] not in finding.message


def test_a_destroy_gives_what_the_runtimes_have_then(system: System) -> None:
    """With the applied config; a value that is gone is null, and keeps nothing from being destroyed."""
    system.deploy()
    was = system.runtime("a/one")["id"]
    jobs = Jobs(system)
    system.configure(b_two={})
    assert set(statuses(destroy(system.workspace, ALL, ThreadExecutor)).values()) == {"destroyed"}
    assert jobs.of["b/two"].variables["config"] == {"vpc": was, "size": 1, "none": 7}
    assert jobs.of["b/two"].variables["dependencies"] == {}
    system.configure(b_two=CONFIG)
    system.deploy()
    system.parameters.delete(["/iac/a/one/runtime"])
    assert statuses(destroy(system.workspace, ALL, ThreadExecutor))["b/two"] == "destroyed"
    assert jobs.of["b/two"].variables["config"] == {"vpc": None, "size": None, "none": 7}


def test_a_secret_value_is_said_and_needs_an_approval(system: System) -> None:
    """Already in the plan in which the producer is made; not once its type shares its secrets."""
    system.configure(a_one={"password": "s3cret-value"}, b_two={"text": {"$runtime": "a/one#password"}})
    system.deploy()
    system.configure(b_two={"text": {"$runtime": "a/one#password"}, "more": 1})
    for definition, needed in (({}, 1), ({"share_secrets_with": ["b"]}, 0)):
        system.modules._definitions["a"] = definition
        made = planned(system)
        assert actions(made)["b/two"] == "update"
        said = [f.component for f in made.findings if f.code == "secret-read"]
        assert said == ["b/two"] * needed
        assert len(approvals_of_plan(Rules(), made, {})) == needed
        assert "s3cret-value" not in repr(made)
