"""Root modules that were written for Terraform alone, under real Terraform."""

from __future__ import annotations

from pathlib import Path

from tests.terraform_project import TerraformProject, resources

PLAIN = """
variable "cidr" {
  type = string
  validation {
    condition     = strcontains(var.cidr, "/")
    error_message = "a network has a length"
  }
}
variable "zones" { type = list(string) }
variable "number" { type = number }
variable "team" { type = string }
variable "environment" { type = string }
variable "token" {
  type      = string
  sensitive = true
  ephemeral = true
}
resource "terraform_data" "this" {
  count = var.number
  input = "${var.cidr} ${join("+", var.zones)} ${var.team} ${var.environment}"
}
output "ids" { value = terraform_data.this[*].id }
"""


def test_a_module_for_terraform_alone_is_planned_deployed_and_destroyed(tmp_path: Path) -> None:
    """Each variable from where it has a value, converted by Terraform; an ephemeral one at the apply, too."""
    project = TerraformProject(tmp_path, 'variables = { team = "core" }\n')
    project.module("net", PLAIN)
    config = {"cidr": "10.0.0.0/8", "zones": ["a", "b"], "number": "2", "token": "s3cr3t-t0ken"}
    project.config("net/core", config)
    project.publish()
    assert project.findings() == ()
    made = resources(project.planned()["net/core"])
    assert [one.after["input"] for one in made.values()] == ["10.0.0.0/8 a+b core test"] * 2
    assert project.deploy() == {"net/core": "applied"}
    assert project.planned()["net/core"].action == "no-op"
    kept = {path.name for path in tmp_path.rglob("*.*") if path.is_file() and b"s3cr3t" in path.read_bytes()}
    assert not {name for name in kept if name.endswith((".jsonl", ".tfvars.json", ".tfstate", ".log"))}
    assert project.destroy() == {"net/core": "destroyed"}
