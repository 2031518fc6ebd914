"""Engines by environment and type: what is planned with which, and what is said before anything runs.

There is one Terraform here. `tofu` is a program around it that says another name and version.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from karma_adapters.doctor.diagnosis import examine
from tests.terraform_project import TerraformProject

MODULE = """
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "name" { value = terraform_data.this.output }
"""


def _project(root: Path, settings: str = "") -> TerraformProject:
    """A project with the components `a/one` and `b/one`, and a `bin/tofu`."""
    project = TerraformProject(root, settings)
    for component_type in ("a", "b"):
        project.module(component_type, MODULE)
        project.config(f"{component_type}/one", {"name": component_type})
    tofu = root / "bin" / "tofu"
    tofu.parent.mkdir()
    tofu.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && {{ echo "OpenTofu v1.8.3"; exit; }}\n'
        f'exec {shutil.which("terraform")} "$@"\n'
    )
    tofu.chmod(0o755)
    project.publish()
    return project


def test_a_type_runs_on_its_own_engine_and_a_change_of_it_is_shown(tmp_path: Path) -> None:
    """The applied record has the name and version: the plan says from what to what, and nothing else runs."""
    project = _project(tmp_path)
    assert set(project.deploy().values()) == {"applied"}
    project.module("b", MODULE, {"terraform": {"binary": "bin/tofu", "version": "~> 1.8.0"}})
    made = project.planned()
    assert {address: one.action for address, one in made.items()} == {"a/one": "no-op", "b/one": "no-op"}
    assert "terraform changed from terraform 1.11.4 to opentofu 1.8.3" in made["b/one"].reason
    assert "terraform" not in made["a/one"].reason
    project.config("b/one", {"name": "new"})
    project.publish()
    assert project.deploy() == {"a/one": "unchanged", "b/one": "applied"}
    applied = project.workspace().state.all_applied()
    assert {a: one.inputs["terraform"] for a, one in applied.items()} == {
        "a/one": "terraform 1.11.4", "b/one": "opentofu 1.8.3",
    }  # fmt: skip
    assert set(project.destroy().values()) == {"destroyed"}


def test_a_constraint_blocks_before_anything_is_applied(tmp_path: Path) -> None:
    """The type alone, with the place that wants another version; doctor says the same."""
    project = _project(tmp_path)
    project.module("b", MODULE, {"terraform": {"version": ">= 99"}})
    made = project.plan()
    assert {one.address: one.action for one in made.components} == {"a/one": "create", "b/one": "blocked"}
    [refused] = [one for one in made.findings if one.code == "engine-version"]
    assert refused.component == "b/one"
    assert "[types.b] wants version >= 99" in refused.message
    assert project.deploy() == {"a/one": "applied", "b/one": "blocked"}
    checks = {one.name: one for one in examine(tmp_path, "test")}
    assert checks["terraform"].status == "ok"
    assert checks["terraform of b"].status == "failed"


def test_an_environment_has_its_own_constraint(tmp_path: Path) -> None:
    """It holds for every type; a missing program of a type blocks that type alone."""
    project = _project(tmp_path, '[environments.test.terraform]\nversion = "< 1.9"\n')
    assert {one.action for one in project.planned().values()} == {"blocked"}
    [check] = [one for one in examine(tmp_path, "test") if one.name == "terraform"]
    assert (check.status, "[environments.test.terraform] wants version < 1.9" in check.found) == (
        "failed",
        True,
    )
    project.module("b", MODULE, {"terraform": {"binary": "bin/tofu"}})
    project.module("a", MODULE, {"terraform": {"binary": "no-such-program"}})
    made = project.plan()
    assert {one.address: one.action for one in made.components} == {"a/one": "blocked", "b/one": "create"}
    assert [one.component for one in made.findings if one.code == "engine-missing"] == ["a/one"]


def test_files_of_opentofu_count_for_the_types_that_it_runs(tmp_path: Path) -> None:
    """Two types of one project; a change of the choice is seen without a change of the module's files."""
    project = _project(tmp_path)
    for component_type in ("a", "b"):
        (tmp_path / "components" / component_type / "more.tofu").write_text('variable "more" {}\n')
    definition = tmp_path / "components" / "b" / "component.yaml"
    definition.write_text(json.dumps({"terraform": {"binary": "bin/tofu"}}))
    modules = project.workspace().modules
    variables = {name: module.variables for name in ("a", "b") if (module := modules.module(name))}
    assert variables == {"a": ("name",), "b": ("more", "name")}
    before = modules.revision()
    definition.unlink()
    module = modules.module("b")
    assert module is not None
    assert module.variables == ("name",)
    assert modules.revision() != before
