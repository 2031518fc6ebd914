"""`karma plan --explain`, `karma why` and `karma drift` as their users run them, on real Terraform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.drifting_terraform import DriftingTerraform, make_drifting
from tests.e2e.command_line import Karma

MODULE = """
variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = { config = var.config, dependencies = var.dependencies }
}
output "runtime" {
  value = { size = try(var.config.size, 0), id = terraform_data.this.id }
}
"""


@pytest.fixture
def drifting(tmp_path: Path) -> DriftingTerraform:
    """Terraform, whose cloud drifts when it is told to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return make_drifting(folder)


@pytest.fixture
def karma(tmp_path: Path, drifting: DriftingTerraform) -> Karma:
    """A project in which `b/two` reads `size` of `a/one`, deployed once."""
    project = tmp_path / "project"
    for component_type in ("a", "b"):
        folder = project / "components" / component_type
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(MODULE)
    (project / "components/b/component.yaml").write_text("consumes:\n  a: [size]\n")
    (project / "karma.toml").write_text("")
    write(project, "a/one", '{"size": 1}')
    write(project, "b/two", '{"a_nickname": "one"}')
    made = Karma(project)
    made = replace(made, variables={**made.variables, "KARMA_TERRAFORM__BINARY": str(drifting.program)})
    made.json("config", "publish")
    made.json("deploy", "--all", "--auto-approve")
    return made


def write(project: Path, address: str, text: str) -> None:
    """Put a config file in place."""
    path = project / "iac/prod" / address / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_explain_and_why(karma: Karma) -> None:
    """A changed config: what differs before the deploy, and the whole chain after it, there and back."""
    write(karma.project, "a/one", '{"size": 2}')
    karma.json("config", "publish")
    explained = karma.json("plan", "--all", "--explain")
    inputs = {c["address"]: {i["input"]: i["differs"] for i in c["inputs"]} for c in explained["components"]}
    assert [name for name, differs in inputs["a/one"].items() if differs] == ["config"]
    assert [name for name, differs in inputs["b/two"].items() if differs] == ["a/one.size"]
    told = karma.run("plan", "a", "one", "--explain")
    assert told.code == 0
    assert "differs" in told.out

    karma.json("deploy", "--all", "--auto-approve")
    chain = karma.json("why", "b/two")
    assert [(step["action"], step["component"]) for step in chain if step["status"] == "started"] == [
        ("terraform_apply", "b/two"),
        ("terraform_apply", "a/one"),
        ("deploy", None),
        ("config_publish", None),
    ]
    assert chain[2]["because"] == "a/one: size changed"
    tree = karma.run("why", "b/two").out.splitlines()
    assert len(tree) == len(chain)
    assert "tester asked for it (cli)" in tree[-1]
    down = karma.json("why", "a/one", "--down")
    assert {step["component"] for step in down} == {"a/one", "b/two"}
    assert karma.run("why", "b/none").code == 1


def test_drift(karma: Karma, drifting: DriftingTerraform) -> None:
    """Exit codes as Terraform has them, the graph's status, and the way back."""
    clean = karma.run("drift", "--json", "--detailed-exitcode")
    assert (clean.code, clean.document["status"]) == (0, "clean")
    drifting.drifted.touch()
    told = karma.run("drift", "a", "one", "--detailed-exitcode")
    assert told.code == 2
    assert "aws_ssm_parameter.two was deleted" in told.out
    checked = karma.json("drift", "a", "one")
    assert [c["address"] for c in checked["components"]] == ["a/one"]
    statuses = {n["id"]: n["status"] for n in karma.json("graph", "show")["nodes"]}
    assert statuses == {"a/one": "drifted", "b/two": "current"}
    drifting.drifted.unlink()
    assert karma.json("drift", "--all")["status"] == "clean"
    assert {n["status"] for n in karma.json("graph", "show")["nodes"]} == {"current"}
    assert karma.run("drift", "c", "none").code == 1
