"""What follows an apply, and fails: the plan says that it is left to do, and the next deploy does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from karma_core.errors import StoreUnavailable
from karma_core.inference.read import read_module
from karma_core.outcomes import RunStatus
from karma_core.plan.document import Plan
from karma_core.records import ParameterKind, ParameterWrite, TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, Killed, System, reasons, statuses

OWN = (
    'locals {\n  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/runtime"\n}\n'
    'resource "aws_ssm_parameter" "r" {\n  name = local.name\n}\n'
)
MAYBE = (
    'variable "config" {}\n'
    'resource "aws_ssm_parameter" "r" {\n  name = "/iac/a/${random_id.x.hex}/runtime"\n}\n'
)
ONE = Selection(targets=("a/one",))


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    return [deep(levels - 1)] if levels else "x"


LATE: list[Any] = [10**4000, Decimal("1e4000"), Decimal("1e-4000"), deep(70), "{{ ssm }}", "x" * 9000]


@pytest.fixture
def system() -> System:
    """a/one, and b/two that consumes it."""
    made = System()
    made.configure(a_one={"x": 1}, b_two={"a_nickname": "one"})
    return made


def give(system: System, value: Any) -> None:
    """Let the next resource that is made have this id, which is the runtime's `id` once it is applied."""
    made = system.terraform._made

    def with_value(job: TerraformJob) -> dict[str, Any]:
        state = made(job)
        return {**state, "id": value} if state["id"] is not None and job.address == "a/one" else state

    system.terraform._made = with_value  # type: ignore[method-assign]


def made_id(system: System) -> Any:
    """The id of a/one's resource."""
    return system.terraform._states["a/one"]["id"]


def planned(system: System, selection: Selection = ALL) -> tuple[Plan, dict[str, str]]:
    """A plan of now, and its actions by address."""
    made = plan(system.workspace, selection)
    return made, {c.address: str(c.action) for c in made.components}


@pytest.mark.parametrize("value", LATE, ids=[str(n) for n in range(len(LATE))])
def test_a_value_known_after_the_apply_fails_the_component_and_nothing_is_written(
    system: System, value: Any
) -> None:
    """The plan says that it runs again and why, and so does the deploy; a right value repairs it."""
    give(system, value)
    assert statuses(system.deploy()) == {"a/one": "failed", "b/two": "blocked"}
    assert system.runtime("a/one") is None

    made, actions = planned(system)
    assert actions["a/one"] == "update"
    assert (made.changes, made.status) == (True, "changes")
    [reason] = [c.reason for c in made.components if c.address == "a/one"]
    assert "the runtime of its last apply (run id-" in reason
    assert "was not published" in reason

    again = system.deploy()
    assert statuses(again) == {"a/one": "failed", "b/two": "blocked"}
    assert again.status is RunStatus.FAILED

    give(system, "fine")
    system.configure(a_one={"x": 1, "replace_on": 2})
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "applied"}
    assert system.runtime("a/one") == {"x": 1, "id": "fine"}
    assert set(planned(system)[1].values()) == {"no-op"}


def test_a_value_that_the_plan_knows_is_refused_before_the_apply(system: System) -> None:
    """Blocked, in plan and deploy alike, and nothing is made."""
    system.configure(a_one={"x": "y" * 8180})
    made, actions = planned(system)
    assert actions == {"a/one": "blocked", "b/two": "blocked"}
    assert {f.code for f in made.findings if f.component == "a/one"} == {"too-large"}
    assert statuses(system.deploy()) == {"a/one": "blocked", "b/two": "blocked"}
    assert system.applies() == []


class Failing:
    """A parameter store that does not take runtimes, once."""

    def __init__(self, system: System, error: BaseException) -> None:
        self._put = system.parameters.put
        self._error = error
        self._system = system

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        if any(write.name.endswith("/runtime") for write in writes):
            self._system.parameters.put = self._put  # type: ignore[method-assign]
            raise self._error
        return self._put(writes)


@pytest.mark.parametrize("error", [StoreUnavailable("the store does not answer"), Killed("put")])
@pytest.mark.parametrize("deployed_before", [False, True])
def test_a_runtime_that_was_not_written_is_due(
    system: System, error: BaseException, deployed_before: bool
) -> None:
    """Also where the process died before it could note it; and the next deploy writes it."""
    if deployed_before:
        system.deploy(ONE)
        system.configure(a_one={"x": 2})
    system.parameters.put = Failing(system, error).put  # type: ignore[method-assign]
    with suppress(StoreUnavailable):  # a run that was killed does not even say so
        system.deploy(ONE)
    system.clock.pass_seconds(3600)

    made, actions = planned(system)
    assert actions["a/one"] == "update"
    assert made.changes
    assert statuses(system.deploy())["a/one"] == "applied"
    config = json.loads(system.parameters.get("/iac/a/one/config").value or "")  # type: ignore[union-attr]
    assert {**config, "id": made_id(system)} == system.runtime("a/one")
    assert set(planned(system)[1].values()) == {"no-op"}


@pytest.mark.parametrize("kind", [ParameterKind.STRING, ParameterKind.SECURE])
@pytest.mark.parametrize("text", ['{"id": 1e5000}', '{"a": 1, "a": 2}', "[1]", '{"s": "\\ud800"}'])
def test_a_component_is_not_stuck_by_its_own_runtime(system: System, kind: ParameterKind, text: str) -> None:
    """Whatever the parameter holds: its next plan says that it is written anew, and its deploy does it."""
    system.deploy()
    before = system.runtime("a/one")
    system.parameters.put([ParameterWrite(name="/iac/a/one/runtime", value=text, kind=kind)])
    assert build_graph(system.workspace).errors == ()

    made, actions = planned(system)
    assert actions["a/one"] == "update"
    assert "its runtime cannot be read" in next(c.reason for c in made.components if c.address == "a/one")
    assert "18446744073709551616" not in made.components[0].reason or kind is ParameterKind.STRING
    assert statuses(system.deploy())["a/one"] == "applied"
    assert system.runtime("a/one") == before
    assert set(planned(system)[1].values()) == {"no-op"}


def test_who_consumes_an_unreadable_runtime_waits_for_its_repair(system: System) -> None:
    """Alone it is blocked; with the producer it is planned with what that will publish."""
    system.deploy()
    system.parameters.put([ParameterWrite(name="/iac/a/one/runtime", value="[1]")])
    made, actions = planned(system, Selection(targets=("b/two",)))
    assert actions == {"b/two": "blocked"}
    assert [f.code for f in made.findings if f.component == "b/two"] == ["runtime-unreadable"]
    assert statuses(system.deploy(Selection(targets=("b/two",)))) == {"b/two": "blocked"}
    assert statuses(system.deploy(Selection(targets=("b/two",), with_producers=True))) == {
        "a/one": "applied",
        "b/two": "cut_off",
    }


# -- modules that write their runtime themselves --------------------------------------------------------


def let_module_write(system: System, texts: dict[str, str]) -> None:
    """A's module names its runtime through a local; its applies write what `texts` has for the address."""
    system.modules.known_facts["a"] = read_module("a", {"a/main.tf": OWN.encode()})
    apply = system.terraform.apply

    def apply_and_write(job: TerraformJob, made: TerraformPlan) -> TerraformOutputs:
        if job.address in texts:
            write = ParameterWrite(name=f"/iac/{job.address}/runtime", value=texts[job.address])
            system.parameters.put([write])
        return apply(job, made)

    system.terraform.apply = apply_and_write  # type: ignore[method-assign]


def held(system: System) -> tuple[str | None, int]:
    """Text and version of a/one's runtime."""
    found = system.parameters.get("/iac/a/one/runtime")
    assert found is not None
    return found.value, found.version


def test_a_runtime_that_the_module_writes_stays_as_it_is(system: System) -> None:
    """To the byte, through deploys, builds and drift; the outputs are no runtime then."""
    text = '{ "z":1,\n "arn" : "x" }'
    let_module_write(system, {"a/one": text})
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "applied"}
    assert held(system) == (text, 1)
    assert system.terraform._states["b/two"]["input"]["dependencies"] == {"a/one": {"z": 1, "arn": "x"}}
    build_graph(system.workspace)
    assert set(planned(system)[1].values()) == {"no-op"}
    system.deploy()
    [checked] = check_drift(system.workspace, ONE).components
    assert (checked.status, checked.runtime) == ("clean", ())
    assert held(system) == (text, 1)


def test_a_module_that_wrote_what_cannot_be_read_fails_and_is_repaired(system: System) -> None:
    """Nothing is written over it; the next plan says that it runs again, and a right value repairs it."""
    texts = {"a/one": '{"n": 1e5000}'}
    let_module_write(system, texts)
    result = system.deploy()
    assert statuses(result) == {"a/one": "failed", "b/two": "blocked"}
    assert "more than 4,000 digits" in reasons(result)["a/one"]
    assert held(system) == (texts["a/one"], 1)
    made, actions = planned(system)
    assert (actions["a/one"], made.changes) == ("update", True)

    texts["a/one"] = '{"n": 1}'
    system.configure(a_one={"x": 2})
    assert statuses(system.deploy()) == {"a/one": "applied", "b/two": "applied"}
    assert held(system) == ('{"n": 1}', 2)


def test_a_module_that_should_have_written_and_did_not_fails(system: System) -> None:
    """Karma does not write in its place; the plan says that it is left to do."""
    let_module_write(system, {})
    result = system.deploy(ONE)
    assert "has no runtime after its apply" in reasons(result)["a/one"]
    assert planned(system)[1]["a/one"] == "update"
    assert system.runtime("a/one") is None


def test_an_unresolved_write_stops_its_component_and_no_other(system: System) -> None:
    """In plan and deploy, until the type says who writes; then it is as that says."""
    system.modules.known_facts["a"] = read_module("a", {"a/main.tf": MAYBE.encode()})
    system.configure(c_free={})
    made, actions = planned(system)
    assert actions == {"a/one": "blocked", "b/two": "blocked", "c/free": "create"}
    assert [f.code for f in made.findings if f.component == "a/one"] == ["unresolved-write"]
    result = system.deploy()
    assert statuses(result) == {"a/one": "blocked", "b/two": "blocked", "c/free": "applied"}
    assert result.status is RunStatus.BLOCKED
    assert system.runtime("a/one") is None

    system.modules._definitions["a"] = {"runtime": "karma"}
    assert statuses(system.deploy())["a/one"] == "applied"
    assert system.runtime("a/one") == {"x": 1, "id": made_id(system)}

    system.modules._definitions["a"] = {"runtime": "module"}
    system.configure(a_one={"x": 2})
    assert statuses(system.deploy())["a/one"] == "applied"
    assert system.runtime("a/one") == {"x": 1, "id": made_id(system)}
