"""One config, several runtimes: components that a module writes for are waited for, read and cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karma_core.inference.read import read_module
from karma_core.records import ParameterWrite, TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import KIND
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, System, statuses

WRITES = (
    'variable "config" {}\nresource "aws_ssm_parameter" "r" {\n  for_each = var.config.functions\n'
    '  name = "${var.iac_prefix}/fn/${each.key}/runtime"\n}\n'
)


@pytest.fixture
def system() -> System:
    """a/set writes the runtimes of fn/mail and fn/size; b/mail and c/size consume one each."""
    system = System()
    system.modules.known_facts["a"] = read_module("a", {"a/main.tf": WRITES.encode()})
    apply = system.terraform.apply

    def apply_and_write(job: TerraformJob, made: TerraformPlan) -> TerraformOutputs:
        for name, value in job.variables["config"].get("functions", {}).items():
            write = ParameterWrite(name=f"/iac/fn/{name}/runtime", value=json.dumps({"arn": value}))
            system.parameters.put([write])
        return apply(job, made)

    system.terraform.apply = apply_and_write  # type: ignore[method-assign]
    system.configure(
        a_set={"functions": {"mail": 1, "size": 1}},
        b_mail={"fn_nickname": "mail"},
        c_size={"fn_nickname": "size"},
    )
    return system


def test_consumers_come_after_the_component_that_writes(system: System) -> None:
    """The node between them has no config and is never run, and the order holds all the same."""
    result = system.deploy()
    assert statuses(result) == dict.fromkeys(("a/set", "b/mail", "c/size"), "applied")
    assert system.applies()[0] == "a/set"
    assert system.terraform._states["b/mail"]["input"]["dependencies"] == {"fn/mail": {"arn": 1}}


def test_only_the_consumers_of_what_changed_follow(system: System) -> None:
    """The written runtimes are read anew after the apply; an equal one cuts off."""
    system.deploy()
    system.configure(a_set={"functions": {"mail": 2, "size": 1}})
    result = system.deploy(Selection(targets=("a/set",)))
    assert statuses(result) == {"a/set": "applied", "b/mail": "applied", "c/size": "cut_off"}
    assert statuses(system.deploy(ALL)) == dict.fromkeys(("a/set", "b/mail", "c/size"), "unchanged")


def test_the_plan_holds_written_runtimes_unknown(system: System) -> None:
    """Nobody knows them before the apply: their consumers are planned so, not cut off."""
    system.deploy()
    system.configure(a_set={"functions": {"mail": 2, "size": 1}})
    made = {c.address: c for c in plan(system.workspace, Selection(targets=("a/set",))).components}
    assert set(made) == {"a/set", "b/mail", "c/size"}
    assert made["b/mail"].action == "update"
    assert any(key.startswith("fn/mail") for key in made["b/mail"].unknown_inputs)


def test_a_process_without_modules_judges_by_the_facts_that_were_kept(system: System) -> None:
    """A build keeps every type's facts with the environment; unchanged ones are not written again."""
    first = build_graph(system.workspace)
    assert first.findings == ()
    assert [(d.id, d.revision) for d in system.state.documents(KIND)] == [(name, 1) for name in "abcde"]
    system.configure(d_new={"x": 1})
    build_graph(system.workspace)
    assert {d.revision for d in system.state.documents(KIND)} == {1}

    before = edges(system)
    system.modules._contents.clear()
    assert system.modules.types() == ()
    system.configure(d_more={"x": 1})
    assert build_graph(system.workspace).status == "published"
    assert edges(system) == before


def edges(system: System) -> list[Any]:
    """Identity, ways and keys of every stored edge."""
    stored = system.graph.load("test")
    assert stored is not None
    return [(e.key, e.via, e.keys) for e in stored.graph.edges]
