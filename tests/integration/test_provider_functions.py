"""Functions that providers define: of the provider that is built into Terraform, nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from tests.module_reading import keys, read
from tests.terraform_project import TerraformProject, resources

PRODUCER = """
variable "name" { type = string }
resource "terraform_data" "this" { triggers_replace = var.name }
output "id" { value = terraform_data.this.id }
output "name" { value = var.name }
"""
BUILT_IN = """
terraform {
  required_providers {
    terraform = { source = "terraform.io/builtin/terraform" }
  }
}
"""
CONSUMER = f"""{BUILT_IN}
variable "config" {{ type = any }}
variable "dependencies" {{ type = any }}
locals {{
  net = var.dependencies["net/${{var.config.net_nickname}}"]
}}
resource "terraform_data" "tfvars" {{
  input = provider::terraform::encode_tfvars({{ name = local.net.name, size = 1 }})
}}
resource "terraform_data" "expression" {{
  input = provider::terraform::encode_expr(local.net.id)
}}
output "text" {{ value = terraform_data.tfvars.output }}
output "back" {{ value = provider::terraform::decode_tfvars("a = 1")["a"] }}
"""
OTHER = """
output "other" { value = provider::x::lower(var.dependencies["net/core"].spare) }
resource "aws_ssm_parameter" "p" {
  name  = "/notes/${provider::x::lower("A")}"
  value = "v"
}
"""


def test_the_reads_in_their_arguments_count(tmp_path: Path) -> None:
    """Planned as it is deployed: what is known is known to the function, and an unknown stays one."""
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    project.module("app", CONSUMER)
    project.config("net/core", {"name": "first"})
    project.config("app/web", {"net_nickname": "core"})
    project.publish()
    assert [one for one in project.findings() if one.severity == "error"] == []
    planned = project.planned()
    assert {a: one.action for a, one in planned.items()} == {"net/core": "create", "app/web": "create"}
    made = resources(planned["app/web"])
    assert made["terraform_data.tfvars"].after["input"] == 'name = "first"\nsize = 1\n'
    assert made["terraform_data.expression"].unknown["input"] is True
    assert project.deploy() == {"net/core": "applied", "app/web": "applied"}
    assert project.runtime("app/web") == {"text": 'name = "first"\nsize = 1\n', "back": 1}
    assert {one.action for one in project.planned().values()} == {"no-op"}


def test_what_they_give_is_unknown_to_karma() -> None:
    """It is never an error, nor taken for one of Terraform's own functions; the keys read are exact."""
    reading = read({"main.tf": CONSUMER + OTHER}, {"net_nickname": "core"}, producers=("net/core",))
    assert keys(reading) == {"net/core": ["id", "name", "spare"]}
    assert (dict(reading.writes), reading.unresolved_writes) == ({}, [])
