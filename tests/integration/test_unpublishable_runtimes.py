"""Values that Terraform can hold and a runtime cannot, on real Terraform and the embedded stores."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core import strictjson
from karma_core.plan.document import Plan
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.memory_system import statuses

ALL = Selection(everything=True)
DEEP = "[" * 70 + "]" * 70
REFUSED = {
    "huge": ('jsondecode("1e4000")', "runtime-unreadable"),
    "longer": ('jsondecode("-1e5000")', "runtime-unreadable"),
    "tiny": ('jsondecode("1e-4000")', "runtime-unreadable"),
    "deep": (f'jsondecode("{DEEP}")', "runtime-unreadable"),
    "braces": ('"{{ ssm }}"', "parameter-reference"),
    "large": ('join("", [for n in range(1000) : "ten bytes."])', "too-large"),
}
KEPT: dict[str, tuple[str, Any]] = {
    "widest": ("18446744073709551615", 18446744073709551615),
    "wide": ("18446744073709551616", 18446744073709551616),
    "negative": ("-9223372036854775809", -9223372036854775809),
    "digits": ("12345678901234567890.123456789", Decimal("12345678901234567890.123456789")),
    "power": ('jsondecode("1e400")', 10**400),
    "fraction": ('jsondecode("1e-400")', Decimal("1e-400")),
    "half": ("0.5", 0.5),
    "nul": ('"a\\u0000b"', "a\x00b"),
    "surrogate": ('jsondecode("\\"\\\\ud800\\"")', "\N{REPLACEMENT CHARACTER}"),
    "text": ("tostring(18446744073709551616)", "18446744073709551616"),
    "smallest": ('jsondecode("5e-324")', 5e-324),
    "braces-apart": ('"{ { ssm } }"', "{ { ssm } }"),
}
CONSTANT = 'output "v" {{\n  value = {}\n}}\n'
LATE = """
resource "terraform_data" "x" {{
  input = {}
}}
output "v" {{
  value = terraform_data.x.output
}}
"""


class Project:
    """One type for each value, each with one component."""

    def __init__(self, root: Path, module: str, values: dict[str, str]) -> None:
        self.root = root
        (root / "karma.toml").write_text('[environments.test]\nregion = "eu-central-1"\n')
        for name, value in values.items():
            self.write(name, module.format(value))
            self.configure(name, "{}")
        publish(self.workspace())

    def configure(self, name: str, text: str) -> None:
        """Write the config of a type's component."""
        config = self.root / "iac" / "test" / name / "one" / "config.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text)

    def write(self, name: str, module: str) -> None:
        """Give a type this module."""
        folder = self.root / "components" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.tf").write_text(module)

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")

    def plan(self) -> Plan:
        """A plan of everything."""
        return plan(self.workspace(), ALL)

    def deploy(self) -> dict[str, str]:
        """Deploy everything; how each type's component ended."""
        found = statuses(deploy(self.workspace(), ALL, ThreadExecutor))
        return {address.partition("/")[0]: status for address, status in found.items()}

    def runtime(self, name: str) -> Any:
        """A type's runtime, or None."""
        held = self.workspace().parameters.get(f"/iac/{name}/one/runtime")
        return strictjson.parse_object(held.value.encode(), where=name) if held and held.value else None


def test_what_a_plan_knows_is_refused_before_the_apply(tmp_path: Path) -> None:
    """Blocked in the plan and in the deploy, each with its code; the others are deployed as they are."""
    values = {name: value for name, (value, _) in REFUSED.items()}
    kept = {name: value for name, (value, _) in KEPT.items()}
    project = Project(tmp_path, CONSTANT, values | kept)
    made = project.plan()
    assert {f.component.partition("/")[0]: f.code for f in made.findings} == {
        name: code for name, (_, code) in REFUSED.items()
    }
    assert project.deploy() == dict.fromkeys(REFUSED, "blocked") | dict.fromkeys(KEPT, "applied")
    assert {name: project.runtime(name) for name in values} == dict.fromkeys(REFUSED)
    assert {name: project.runtime(name) for name in kept} == {n: {"v": v} for n, (_, v) in KEPT.items()}


def test_what_the_apply_tells_fails_the_component_until_it_is_put_right(tmp_path: Path) -> None:
    """Nothing is written; the plan says what is left to do; a right value is published by the next deploy."""
    values = {name: REFUSED[name][0] for name in ("longer", "huge", "tiny", "deep", "braces", "large")}
    project = Project(tmp_path, LATE, values)
    assert project.deploy() == dict.fromkeys(values, "failed")
    made = project.plan()
    assert {c.action for c in made.components} == {"update"}
    assert all("was not published" in c.reason for c in made.components)
    assert all("will be refused as before" in c.reason for c in made.components)
    assert made.changes
    for name in values:
        assert project.runtime(name) is None
        project.write(name, LATE.format('"right"'))
    assert project.deploy() == dict.fromkeys(values, "applied")
    assert {name: project.runtime(name) for name in values} == {name: {"v": "right"} for name in values}


PRODUCER = """
variable "config" { type = any }
output "v" {
  value = var.config.v
}
output "power" {
  value = jsondecode("1e400")
}
"""
READER = """
variable "dependencies" { type = any }
variable "own" { type = number }
variable "taken" { type = number }
locals {
  read = var.dependencies["producer/one"]
}
resource "terraform_data" "x" {
  input = "${var.own} ${var.taken} ${local.read.v} ${local.read.power == jsondecode("1e400")}"
}
output "v" {
  value = terraform_data.x.output
}
"""
DIGITS = "12345678901234567890.123456789"


def test_a_reader_sees_every_digit(tmp_path: Path) -> None:
    """From a config through an output, a runtime, a reference and `dependencies`; a second plan is empty."""
    project = Project(tmp_path, "", {"producer": "", "reader": ""})
    taken = '{"$runtime": "producer/one#v"}'
    own = f"0.1{DIGITS[:19]}"
    project.configure("producer", f'{{"v": {DIGITS}}}')
    project.configure("reader", f'{{"own": {own}, "taken": {taken}, "depends_on": ["producer/one"]}}')
    for name, module in (("producer", PRODUCER), ("reader", READER)):
        project.write(name, module)
    publish(project.workspace())
    assert project.deploy() == {"producer": "applied", "reader": "applied"}
    assert project.runtime("reader") == {"v": f"{own} {DIGITS} {DIGITS} true"}
    assert {component.action for component in project.plan().components} == {"no-op"}
