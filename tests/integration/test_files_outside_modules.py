"""Files that a module reads outside its folder, where Terraform runs: the apply, and the plan-only copy."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.terraform_system import make_system

MODULE = """
variable "dependencies" {
  type = any
}
locals {
  policies = "${path.module}/../../policies"
}
resource "terraform_data" "this" {
  input = [
    for name in sort(fileset(local.policies, "*.json")) : jsondecode(file("${local.policies}/${name}"))
  ]
}
module "net" {
  source = "../../modules/net"
}
output "runtime" {
  value = {
    net         = module.net.name
    shared      = file("../_files/q.txt")
    of_producer = try(var.dependencies["a/one"].id, "")
  }
}
"""


def test_they_lie_where_the_module_expects_them(tmp_path: Path) -> None:
    """In the tree of an apply and in the copy of a plan with unknowns, from beside modules and above."""
    (tmp_path / ".git").mkdir()
    system = make_system(tmp_path)
    system.write("app/main.tf", MODULE)
    system.write("../policies/p.json", '{"a": 1}')
    system.write("../modules/net/main.tf", 'output "name" {\n  value = "net"\n}\n')
    system.write("_files/q.txt", "shared")
    job = system.job("app/web", dependencies={})
    plan = system.terraform.plan(job)
    applied = system.terraform.apply(job, plan)
    assert applied.values["runtime"] == {"net": "net", "shared": "shared", "of_producer": ""}
    system.write("../policies/p.json", '{"a": 2}')
    again = system.job("app/web", dependencies={"a/one": {}})
    assert again.module.digest != job.module.digest
    unknown = replace(again, unknown={"a/one": {"id": True}})
    with_unknowns = system.terraform.plan(unknown)
    assert "= 1 -> 2" in with_unknowns.text
