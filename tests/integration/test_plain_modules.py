"""Root modules that were written for Terraform alone, under real Terraform."""

from __future__ import annotations

import json
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
variable "label" { type = string }
variable "environment" { type = string }
variable "token" {
  type      = string
  sensitive = true
  ephemeral = true
}
resource "terraform_data" "this" {
  count = var.number
  input = "${var.cidr} ${join("+", var.zones)} ${var.team} ${var.environment} ${var.label}"
}
output "ids" { value = terraform_data.this[*].id }
"""


def test_a_module_for_terraform_alone_is_planned_deployed_and_destroyed(tmp_path: Path) -> None:
    """Each variable from where it has a value, converted by Terraform; an ephemeral one at the apply, too."""
    project = TerraformProject(tmp_path, 'variables = { team = "core" }\n')
    project.module("net", PLAIN)
    (tmp_path / "components/net/terraform.tfvars").write_text('number = 7\nteam = "no"\nlabel = "tfvars"\n')
    config = {"cidr": "10.0.0.0/8", "zones": ["a", "b"], "number": "2", "token": "s3cr3t-t0ken"}
    project.config("net/core", config)
    project.publish()
    assert project.findings() == ()
    made = resources(project.planned()["net/core"])
    assert [one.after["input"] for one in made.values()] == ["10.0.0.0/8 a+b core test tfvars"] * 2
    assert project.deploy() == {"net/core": "applied"}
    assert project.planned()["net/core"].action == "no-op"
    kept = {path.name for path in tmp_path.rglob("*.*") if path.is_file() and b"s3cr3t" in path.read_bytes()}
    assert not {name for name in kept if name.endswith((".jsonl", ".tfvars.json", ".tfstate", ".log"))}
    assert project.destroy() == {"net/core": "destroyed"}


PRODUCER = """
variable "config" { type = any }
resource "terraform_data" "this" { input = var.config.name }
output "id" { value = terraform_data.this.id }
output "name" { value = terraform_data.this.input }
output "labels" { value = { for key, value in var.config.labels : key => value } }
output "zones" { value = [terraform_data.this.id, "z1"] }
"""
CONSUMER = """
variable "net_id" {
  type = string
  validation {
    condition     = length(var.net_id) > var.least
    error_message = "the id is too short"
  }
}
variable "zone" {
  type    = string
  default = "z1"
  validation {
    condition     = contains(local.known, var.zone)
    error_message = "the zone is not known"
  }
}
variable "least" {
  type    = number
  default = 3
}
variable "name" { type = string }
variable "labels" { type = map(string) }
variable "zones" { type = set(string) }
variable "dependencies" { type = map(object({ id = string, zone = optional(string, "z0") })) }
locals { known = ["z1"] }
locals { seen = length([for zone in var.zones : zone if zone != var.net_id]) }
resource "terraform_data" "id" { input = var.net_id }
resource "terraform_data" "name" { input = "${var.name} ${1 + length(var.labels)} ${true ? 2 : var.least}" }
resource "terraform_data" "zone" { input = var.dependencies["net/core"].zone }
output "label" { value = var.labels["größe"] }
"""


def values(selector: str, **more: object) -> dict[str, object]:
    """A reference to a value of net/core."""
    return {"$runtime": f"net/core#{selector}", **more}


def test_a_module_for_terraform_alone_takes_values_of_others(tmp_path: Path) -> None:
    """What the producer's plan knows is planned as it will be, in its variable's type; no more."""
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    project.module("app", CONSUMER)
    project.config("net/core", {"name": "shop 🚀 größe ${x} \\b", "labels": {"größe": "XL", "n": 1}})
    config = {
        "net_id": values("id"), "name": values("name"), "labels": values("labels"), "zones": values("zones"),
        "zone": values("zones.1"), "depends_on": ["net/core"],
    }  # fmt: skip
    project.config("app/web", config)
    project.publish()
    assert project.findings() == ()
    made = project.planned()["app/web"]
    assert (made.action, made.unknown_inputs) == ("create", ("net/core.id", "net/core.zones"))
    shown = {address: one.after.get("input") for address, one in resources(made).items()}
    assert shown == {
        "terraform_data.id": None,
        "terraform_data.name": "shop 🚀 größe ${x} \\b 3 2",
        "terraform_data.zone": "z0",
    }
    assert project.deploy() == {"net/core": "applied", "app/web": "applied"}
    assert project.planned()["app/web"].action == "no-op"
    assert project.runtime("app/web") == {"label": "XL"}
    assert project.destroy() == {"net/core": "destroyed", "app/web": "destroyed"}


IN_JSON = {
    "variable": {
        "net_id": {
            "type": "string",
            "validation": {"condition": "${length(var.net_id) > var.least}", "error_message": "too short"},
        },
        "least": {"type": "number", "default": 3},
        "labels": {"type": "map(string)"},
        "dependencies": {"type": 'map(object({ id = string, zone = optional(string, "z0") }))'},
    },
    "resource": {
        "terraform_data": {
            "id": {"input": "${var.net_id}"},
            "zone": {"input": '${var.dependencies["net/core"].zone} ${length(var.labels)}'},
        }
    },
    "output": {"label": {"value": "${var.labels.n}"}},
}


def test_a_module_in_json_syntax_is_planned_as_one_in_the_native_syntax(tmp_path: Path) -> None:
    """With types, defaults and validations, although its producer is new; it is deployed as planned."""
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    (tmp_path / "components" / "json").mkdir()
    (tmp_path / "components" / "json" / "main.tf.json").write_text(json.dumps(IN_JSON))
    project.config("net/core", {"name": "n", "labels": {"n": 1}})
    taken = {"net_id": values("id"), "labels": values("labels"), "depends_on": ["net/core"]}
    project.config("json/good", taken)
    project.config("json/short", taken | {"net_id": values("name")})
    project.publish()
    planned = project.plan()
    made = {one.address: one for one in planned.components}
    assert {address: one.action for address, one in made.items()} == {
        "net/core": "create", "json/good": "create", "json/short": "blocked",
    }  # fmt: skip
    assert made["json/good"].unknown_inputs == ("net/core.id",)
    shown = {address: one.after.get("input") for address, one in resources(made["json/good"]).items()}
    assert shown == {"terraform_data.id": None, "terraform_data.zone": "z0 1"}
    assert ["too short" in f.message for f in planned.findings if f.code == "invalid-variable"] == [True]
    assert project.deploy() == {"net/core": "applied", "json/good": "applied", "json/short": "blocked"}
    assert project.runtime("json/good") == {"label": "1"}


def test_a_value_that_a_variable_does_not_take_blocks_before_anything_is_applied(tmp_path: Path) -> None:
    """In plan and deploy alike, one finding with the attribute's name; also by a validation."""
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    project.module("typed", 'variable "dependencies" { type = map(object({ id = string, arn = string })) }\n')
    project.module("valid", CONSUMER)
    project.config("net/core", {"name": "n", "labels": {"größe": "XL"}})
    project.config("typed/a", {"depends_on": ["net/core"]})
    named = {"name": values("name"), "labels": values("labels"), "zones": []}
    project.config("valid/b", {**named, "net_id": values("name")})
    project.config("valid/c", {**named, "net_id": values("id"), "zone": {"$runtime": "net/core#name"}})
    project.publish()
    made = project.plan()
    assert {one.address: one.action for one in made.components} == {
        "net/core": "create", "typed/a": "blocked", "valid/b": "blocked", "valid/c": "blocked",
    }  # fmt: skip
    refused = {f.component: f.message for f in made.findings if f.code == "invalid-variable"}
    assert 'attribute "arn" is required' in refused["typed/a"]
    assert "the id is too short" in refused["valid/b"]
    assert "the zone is not known" in refused["valid/c"]
    assert project.deploy() == dict.fromkeys(refused, "blocked") | {"net/core": "applied"}


NULLS = """
variable "on" { type = bool }
output "always" { value = true }
output "maybe" { value = var.on ? "yes" : null }
"""
ASKS = """
variable "dependencies" { type = any }
variable "taken" { type = string }
output "is_null" { value = var.dependencies["nulls/one"].maybe == null }
output "taken" { value = var.taken }
"""


def test_an_output_of_null_is_a_key_with_null(tmp_path: Path) -> None:
    """In the plan, in the runtime, for who reads it and who takes its value, also where it becomes null."""
    project = TerraformProject(tmp_path)
    project.module("nulls", NULLS)
    project.module("asks", ASKS)
    project.config("asks/one", {"depends_on": ["nulls/one"], "taken": {"$runtime": "nulls/one#maybe"}})
    for on, value in ((False, None), (True, "yes"), (False, None)):
        project.config("nulls/one", {"on": on})
        project.publish()
        assert {one.action for one in project.planned().values()} <= {"create", "update"}
        assert project.deploy() == {"nulls/one": "applied", "asks/one": "applied"}
        assert project.runtime("nulls/one") == {"always": True, "maybe": value}
        assert project.runtime("asks/one") == {"is_null": not on, "taken": value}
        assert {one.action for one in project.planned().values()} == {"no-op"}
    assert set(project.destroy().values()) == {"destroyed"}


def test_a_static_fault_blocks_and_is_never_deferred(tmp_path: Path) -> None:
    """Whether or not its inputs are known yet: it would fail after its producers had been applied."""
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    fault = 'resource "terraform_data" "x" {\n  input = var.id\n  inputs = 1\n}\n'
    project.module("faulty", f'variable "id" {{}}\n{fault}')
    project.config("net/core", {"name": "n", "labels": {}})
    project.config("faulty/known", {"id": "x"})
    project.config("faulty/unknown", {"id": values("id")})
    project.publish()
    made = project.plan()
    assert {one.address: one.action for one in made.components} == {
        "net/core": "create", "faulty/known": "blocked", "faulty/unknown": "blocked",
    }  # fmt: skip
    refused = {f.component: f.message for f in made.findings if f.code == "module-invalid"}
    assert refused.keys() == {"faulty/known", "faulty/unknown"}
    assert all("main.tf:4: Unsupported argument" in message for message in refused.values())
