"""Static faults of modules on real Terraform: one `terraform validate` a module, and what it blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform.command_line import CommandLine
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.static_faults import module_findings
from tests.terraform_project import TerraformProject

GOOD = """
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "name" { value = terraform_data.this.output }
"""
FAULTY = """
variable "name" { type = string }
resource "terraform_data" "x" {
  input  = var.name
  inputs = 1
}
"""
TWICE = 'variable "a" {}\nresource "terraform_data" "x" {}\nresource "terraform_data" "x" {}\n'
COUNTED = """
variable "name" { type = string }
resource "terraform_data" "x" { count = length(var.name) }
output "name" { value = join("", terraform_data.x[*].id) }
"""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Terraform's commands, in the order in which they begin."""
    begun: list[str] = []
    run = CommandLine.cmd

    def note(self: CommandLine, cmd: str, *args: str, **options: Any) -> Any:
        begun.append(cmd)
        return run(self, cmd, *args, **options)

    monkeypatch.setattr(CommandLine, "cmd", note)
    return begun


def _value(address: str) -> dict[str, str]:
    return {"$runtime": f"{address}#name"}


def test_one_validate_for_each_module_and_never_again(tmp_path: Path, commands: list[str]) -> None:
    """A fleet pays for its types, once: neither its deploy nor the next process asks again."""
    project = TerraformProject(tmp_path)
    project.module("good", GOOD)
    project.module("other", GOOD + "# another\n")
    for address in ("good/a", "good/b", "other/a"):
        project.config(address, {"name": address})
    project.publish()
    project.plan()
    assert commands.count("validate") == 2
    assert set(project.deploy().values()) == {"applied"}
    assert module_findings(project.workspace()) == ()
    assert commands.count("validate") == 2
    project.module("good", GOOD + "# changed\n")
    assert {a: one.action for a, one in project.planned().items()}["good/a"] == "no-op"
    assert commands.count("validate") == 3


def test_a_fault_behind_what_is_deferred_blocks_in_the_plan(tmp_path: Path) -> None:
    """Nothing of it could be planned yet; it would fail after its producers had been applied."""
    project = TerraformProject(tmp_path)
    project.module("good", GOOD)
    project.module("counted", COUNTED)
    project.module("faulty", FAULTY)
    project.config("good/a", {"name": "x"})
    project.config("counted/b", {"name": _value("good/a")})
    project.config("faulty/c", {"name": _value("counted/b")})
    project.publish()
    planned = project.planned()
    assert {address: one.action for address, one in planned.items()} == {
        "good/a": "create", "counted/b": "deferred", "faulty/c": "blocked",
    }  # fmt: skip
    assert "main.tf:5: Unsupported argument" in planned["faulty/c"].reason


def test_a_deploy_that_nobody_planned_knows_the_fault_first(tmp_path: Path, commands: list[str]) -> None:
    """The faulty one is blocked before its producer is applied, as a plan would have said."""
    project = TerraformProject(tmp_path)
    project.module("good", GOOD)
    project.module("faulty", FAULTY)
    project.config("good/a", {"name": "x"})
    project.config("faulty/c", {"name": _value("good/a")})
    project.publish()
    assert project.deploy() == {"good/a": "applied", "faulty/c": "blocked"}
    assert commands.count("validate") == 2
    assert "apply" not in commands[: len(commands) - commands[::-1].index("validate")]


def test_modules_are_checked_without_components(tmp_path: Path) -> None:
    """Also faults on which already `init` stops; what cannot be fetched is no fault of the files."""
    project = TerraformProject(tmp_path)
    project.module("good", GOOD)
    project.module("faulty", FAULTY)
    project.module("twice", TWICE)
    project.module(
        "absent", 'terraform {\n required_providers {\n  x = { source = "localhost/no/x" }\n }\n}\n'
    )
    findings = {one.name: (one.code, one.message) for one in module_findings(project.workspace())}
    assert {name: code for name, (code, _) in findings.items()} == {
        "absent": "module-unchecked", "faulty": "module-invalid", "twice": "module-invalid",
    }  # fmt: skip
    assert findings["faulty"][1].startswith("main.tf:5: Unsupported argument: ")
    assert findings["twice"][1].startswith("main.tf:3: Duplicate resource ")


def test_what_the_graph_says_of_a_module_is_not_repeated(tmp_path: Path) -> None:
    """`graph validate --modules` shows both; a module that Karma cannot read is one finding."""
    project = TerraformProject(tmp_path)
    project.module("broken", 'resource "x" "y" {\n  a = "\n}\n')
    project.config("broken/a", {})
    project.publish()
    workspace = project.workspace()
    findings = read_fleet(workspace).findings
    assert [one.code for one in findings] == ["module-unreadable"]
    assert [one.code for one in module_findings(workspace)] == ["module-unreadable"]
    assert module_findings(workspace, findings) == ()
