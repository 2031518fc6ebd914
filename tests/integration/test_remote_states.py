"""Modules for Terraform alone that read each other's states, under real Terraform."""

from __future__ import annotations

from pathlib import Path

from tests.terraform_project import TerraformProject, resources

NET = """
variable "name" {}
variable "note" {
  default = "first"
}
variable "token" {
  sensitive = true
}
resource "terraform_data" "this" {
  input = var.name
}
output "id" {
  value = terraform_data.this.id
}
output "name" {
  value = var.name
}
output "note" {
  value = var.note
}
output "token" {
  value     = var.token
  sensitive = true
}
output "zones" {
  value = toset(["a", var.name])
}
"""
APP = """
variable "states" {}
variable "networks" {
  type = set(string)
}
data "terraform_remote_state" "net" {
  for_each = var.networks
  backend  = "local"
  config   = { path = "${var.states}/net/${each.key}/terraform.tfstate" }
}
locals {
  core = data.terraform_remote_state.net["core"].outputs
}
resource "terraform_data" "id" {
  input = local.core.id
}
resource "terraform_data" "token" {
  input = "t=${local.core["token"]}"
}
resource "terraform_data" "names" {
  input = join(",", [for one in data.terraform_remote_state.net : one.outputs.name])
}
resource "terraform_data" "zones" {
  for_each = local.core.zones
  input    = each.key
}
module "size" {
  source = "./size"
  path   = "${var.states}/net/core/terraform.tfstate"
}
"""
SIZE = """
variable "path" {}
data "terraform_remote_state" "net" {
  backend   = "local"
  workspace = terraform.workspace
  config    = { path = var.path }
  defaults  = { size = "small" }
}
resource "terraform_data" "size" {
  input = data.terraform_remote_state.net.outputs.size
}
"""
TOKEN = "s3cr3t-t0ken"
READ = ("outputs.id", "outputs.name", "outputs.size", "outputs.token", "outputs.zones")


def net(project: TerraformProject, nickname: str, name: str, note: str) -> None:
    """Publish the config of a network."""
    project.config(f"net/{nickname}", {"name": name, "note": note, "token": TOKEN})
    project.publish()


def test_a_remote_state_is_planned_as_it_will_be_and_followed_output_by_output(tmp_path: Path) -> None:
    """An unknown output stays unknown, a known one is planned; only an output that is read makes it run."""
    states = tmp_path / ".karma" / "test" / "tfstate"
    project = TerraformProject(tmp_path, f'variables = {{ states = "{states}" }}\n')
    project.module("net", NET)
    project.module("app", APP)
    child = tmp_path / "components" / "app" / "size"
    child.mkdir()
    (child / "main.tf").write_text(SIZE)
    project.config("app/web", {"networks": ["core", "edge"]})
    net(project, "edge", "e1", "first")
    net(project, "core", "c1", "first")
    assert project.findings() == ()

    made = project.planned()["app/web"]
    assert (made.action, made.unknown_inputs) == ("create", ("net/core.outputs.id",))
    shown = {address: one.after.get("input") for address, one in resources(made).items()}
    assert shown == {
        "module.size.terraform_data.size": "small",
        "terraform_data.id": None,
        "terraform_data.names": "c1,e1",
        "terraform_data.token": "t=(sensitive)",
        'terraform_data.zones["a"]': "a",
        'terraform_data.zones["c1"]': "c1",
    }
    assert TOKEN not in made.text
    every = {"net/core": "applied", "net/edge": "applied", "app/web": "applied"}
    assert project.deploy() == every

    net(project, "core", "c1", "second")
    planned = project.planned()
    assert (planned["net/core"].action, planned["app/web"].action) == ("update", "cut_off")
    assert f"what is consumed of it ({', '.join(READ)}) is the same" in planned["app/web"].reason
    assert project.deploy() == {"net/core": "applied", "net/edge": "unchanged", "app/web": "cut_off"}

    net(project, "core", "c2", "second")
    made = project.planned()["app/web"]
    assert (made.action, made.unknown_inputs) == ("update", ())
    assert made.reason == "net/core: outputs.name, outputs.zones changed"
    changing = {
        address: one for address, one in resources(made).items() if one.action not in {"no-op", "read"}
    }
    assert {address: one.action for address, one in changing.items()} == {
        "terraform_data.names": "update",
        'terraform_data.zones["c1"]': "destroy",
        'terraform_data.zones["c2"]': "create",
    }
    assert changing["terraform_data.names"].after["input"] == "c2,e1"
    assert project.deploy() == {"net/core": "applied", "net/edge": "unchanged", "app/web": "applied"}
    assert project.planned()["app/web"].action == "no-op"
    kept = [path for path in (tmp_path / ".karma").rglob("*.*") if path.suffix in {".txt", ".json", ".jsonl"}]
    private = tmp_path / ".karma" / "test" / "private"
    assert not [one for one in kept if private not in one.parents and TOKEN.encode() in one.read_bytes()]
    assert project.destroy() == dict.fromkeys(every, "destroyed")
