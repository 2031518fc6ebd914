"""`removed`, `import` and `check` blocks on real Terraform: counted, approved where they lose, shown."""

from __future__ import annotations

from pathlib import Path

from karma_core.plan.document import contract, readable, summary_text
from karma_core.policy.document import Policy
from karma_core.policy.rules import Rules, approvals_of_plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from tests.terraform_project import ALL, TerraformProject, resources

BEFORE = """
variable "n" { type = number }
resource "terraform_data" "kept" { input = var.n }
resource "terraform_data" "gone" { input = "left alone" }
"""
AFTER = """
variable "n" { type = number }
resource "terraform_data" "kept" { input = var.n }
resource "terraform_data" "taken" {}
import {
  to = terraform_data.taken
  id = "made-elsewhere"
}
removed {
  from = terraform_data.gone
  lifecycle { destroy = false }
}
"""
CHECKED = """
variable "n" { type = number }
variable "id" { default = "" }
resource "terraform_data" "kept" { input = var.n }
output "id" { value = terraform_data.kept.id }
check "size" {
  assert {
    condition     = terraform_data.kept.output > 5
    error_message = "it is ${terraform_data.kept.output}, not more than 5"
  }
  assert {
    condition     = var.n != 1
    error_message = "n is 1"
  }
}
"""


def _project(root: Path, module: str, settings: str = "") -> TerraformProject:
    project = TerraformProject(root, settings)
    project.module("app", module)
    project.config("app/web", {"n": 1})
    project.publish()
    return project


def test_imports_and_what_is_forgotten_are_counted(tmp_path: Path) -> None:
    """In the plan's summary, document and resources; and what the deploy does is what was planned."""
    project = _project(tmp_path, BEFORE)
    project.deploy()
    project.module("app", AFTER)
    made = project.plan()
    [planned] = made.components
    assert (planned.action, planned.add, planned.change, planned.destroy) == ("update", 0, 0, 0)
    assert {a: one.action for a, one in resources(planned).items()} == {
        "terraform_data.gone": "forget",
        "terraform_data.kept": "no-op",
        "terraform_data.taken": "import",
    }
    said = "1 update. Resources: 0 to add, 0 to change, 0 to destroy, 1 to import, 1 to forget."
    assert summary_text(made) == said
    assert said in readable(made)
    document = contract(made)
    assert [(c["import"], c["forget"]) for c in document["components"]] == [(1, 1)]
    assert (document["summary"]["import"], document["summary"]["forget"]) == (1, 1)
    assert approvals_of_plan(Rules(policies=(Policy(),)), made, {}) == [
        "app/web: update forgets 1 resource(s)"
    ]
    assert project.deploy() == {"app/web": "applied"}
    [begun] = [e for e in project.workspace().log.events(action="terraform_apply") if "import" in e.inputs]
    assert (begun.inputs["import"], begun.inputs["forget"]) == (1, 1)
    assert {one.action for one in project.planned().values()} == {"no-op"}


def test_an_import_alone_is_a_change_also_where_inputs_are_unknown(tmp_path: Path) -> None:
    """A plan-only copy counts it, and its text does not count what is Karma's."""
    project = TerraformProject(tmp_path)
    project.module("net", 'variable "v" {}\nresource "terraform_data" "x" { triggers_replace = var.v }\n'
                          'output "id" { value = terraform_data.x.id }\n')  # fmt: skip
    project.module("app", 'variable "id" {}\noutput "id" { value = var.id }\n')
    project.config("net/core", {"v": "1"})
    project.config("app/web", {"id": {"$runtime": "net/core#id"}})
    project.publish()
    project.deploy()
    taken = 'resource "terraform_data" "t" {}\nimport {\n  to = terraform_data.t\n  id = "x"\n}\n'
    project.module("app", f'variable "id" {{}}\nresource "terraform_data" "id" {{ input = var.id }}\n{taken}')
    project.config("net/core", {"v": "2"})
    project.publish()
    planned = project.planned()["app/web"]
    assert (planned.action, planned.add, planned.to_import) == ("update", 1, 1)
    assert "Plan: 1 to import, 1 to add, 0 to change, 0 to destroy." in planned.text
    assert set(project.deploy().values()) == {"applied"}


def test_a_failing_check_is_said_and_stops_nothing(tmp_path: Path) -> None:
    """By the plan as far as it knows, by the deploy and by the log; a check that holds says nothing."""
    project = _project(tmp_path, CHECKED)
    made = project.plan()
    assert [(f.code, f.severity, f.message) for f in made.findings] == [
        ("check-failed", "warning", "check.size: n is 1")
    ]
    result = deploy(project.workspace(), ALL, ThreadExecutor)
    assert result.status == "succeeded"
    failing = ["check.size: it is 1, not more than 5", "check.size: n is 1"]
    assert [one for one in result.warnings if "check-failed" in one] == [
        f"app/web: check-failed: {one}" for one in failing
    ]
    events = project.workspace().log.events(action="terraform_apply", component="app/web")
    assert [e.inputs.get("checks") for e in events if e.status == "succeeded"] == [failing]
    project.config("app/web", {"n": 6})
    project.publish()
    assert "check-failed" not in {one.code for one in project.plan().findings}
    assert deploy(project.workspace(), ALL, ThreadExecutor).warnings == ()
