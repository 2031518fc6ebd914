"""A component whose module reads another's state: when it runs, what is kept, what it is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karma_core.errors import Refused
from karma_core.inference.read import read_module
from karma_core.records import TerraformJob, TerraformPlan
from karma_core.state_places import StateFolder
from karma_core.use_cases.plans.plan import plan
from karma_core.workspace import Workspace
from tests.memory_system import ALL, System, statuses

READER = (
    'data "terraform_remote_state" "one" {\n  backend = "s3"\n'
    '  config  = { bucket = "b", key = "s/a/one/terraform.tfstate" }\n}\n'
    'output "secret" { value = data.terraform_remote_state.one.outputs.secret }\n'
)


class StateSystem(System):
    """An environment whose states are in S3, with a/one ← b/two, both deployed."""

    def __init__(self) -> None:
        super().__init__()
        self.modules.known_facts["b"] = read_module("b", {"b/main.tf": READER.encode()})
        self.configure(a_one={"note": "x", "secret": "s3cr3t-one"}, b_two={})
        self.deploy()
        self.applies()

    @property
    def workspace(self) -> Workspace:
        """The environment, wired anew."""
        made = super().workspace
        return replace(made, environment=replace(made.environment, states=StateFolder("s3", "s", "b")))


@pytest.fixture
def pair() -> StateSystem:
    """It."""
    return StateSystem()


def test_an_output_that_is_not_read_cuts_off_and_one_that_is_applies(pair: StateSystem) -> None:
    """Whatever else of the producer's runtime changed; the reason names the output."""
    pair.configure(a_one={"note": "y", "secret": "s3cr3t-one"})
    assert statuses(pair.deploy()) == {"a/one": "applied", "b/two": "cut_off"}
    pair.configure(a_one={"note": "y", "secret": "s3cr3t-two"})
    made = {one.address: one for one in plan(pair.workspace, ALL).components}
    assert made["b/two"].reason.startswith("a/one: outputs.secret changed")
    assert statuses(pair.deploy())["a/one"] == "applied"
    [published] = [e for e in pair.log.events(action="runtime_publish") if e.component == "a/one"][-1:]
    assert published.inputs["changed"] == ["outputs.secret"]


def test_the_record_keeps_digests_under_the_environments_key(pair: StateSystem) -> None:
    """One an output; no value, and nothing by which a short secret could be guessed."""
    record = pair.state.applied("a/one")
    assert record is not None
    assert record.outputs is not None
    assert set(record.outputs) == {"runtime", "secret"}
    assert all(digest.startswith("hmac:") for digest in record.outputs.values())
    read = pair.state.applied("b/two")
    assert read is not None
    assert read.keys == {"a/one": {"outputs.secret": record.outputs["secret"]}}
    assert (read.edges, read.by_value) == (("a/one",), ("a/one",))


def test_the_module_is_given_nothing_of_the_producer(pair: StateSystem) -> None:
    """It reads the state by itself. In the plan of the cone the job has what the state will hold."""
    jobs: dict[str, TerraformJob] = {}
    plan_as_before = pair.terraform.plan

    def plan_job(job: TerraformJob) -> TerraformPlan:
        jobs[job.address] = job
        return plan_as_before(job)

    pair.terraform.plan = plan_job  # type: ignore[method-assign]
    pair.configure(a_one={"note": "y", "secret": "s3cr3t-two"})
    plan(pair.workspace, ALL)
    job = jobs["b/two"]
    assert (job.variables["dependencies"], job.unknown, job.reads_states_of) == ({}, {}, ("a/one",))
    [planned] = job.states
    assert str(planned.named.place) == "s3:b/s/a/one/terraform.tfstate"
    assert planned.outputs.known["secret"] == "s3cr3t-two"
    assert "s3cr3t-two" in job.secrets


def test_an_output_that_would_be_gone_stops_the_run(pair: StateSystem) -> None:
    """The reader works today and could not be planned any more."""
    pair.configure(a_one={"note": "x"})
    with pytest.raises(Refused) as refused:
        pair.deploy()
    assert refused.value.code == "would-break"
    assert "outputs.secret of a/one" in refused.value.why
    assert pair.applies() == []
