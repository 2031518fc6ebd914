"""Modules that read and write parameters themselves, planned before anything is applied.

On the real AWS provider and a parameter store that it can reach: moto's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.plan.document import Plan
from karma_core.plan.runtime import is_unknown
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests import local_aws
from tests.integration import aws_provider

ALL = Selection(everything=True)
SETTINGS = """
[environments.test]
region = "eu-central-1"
parameters = "ssm"
[environments.test.aws]
endpoint_url = "{url}"
requests_per_second = 1000
"""
PROVIDER = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
  endpoints {{
    ssm = "{url}"
  }}
}}
variable "nickname" {{ type = string }}
variable "component_name" {{ type = string }}
variable "iac_prefix" {{ type = string }}
data "aws_ssm_parameter" "config" {{
  name = "${{var.iac_prefix}}/${{var.component_name}}/${{var.nickname}}/config"
}}
locals {{
  config = nonsensitive(jsondecode(data.aws_ssm_parameter.config.value))
}}
"""
NET = """
resource "terraform_data" "net" {
  input            = local.config.cidr
  triggers_replace = try(local.config.generation, 1)
}
resource "terraform_data" "note" { input = try(local.config.note, "") }
resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/net/${var.nickname}/runtime"
  type  = "String"
  value = jsonencode({
    id   = terraform_data.net.id
    cidr = local.config.cidr
    note = try(local.config.note, "")
  })
}
"""
APP = """
data "aws_ssm_parameter" "nets" {
  for_each = toset(local.config.net_nicknames)
  name     = "${var.iac_prefix}/net/${each.value}/runtime"
}
locals {
  nets = {
    for nickname, found in data.aws_ssm_parameter.nets : nickname => nonsensitive(jsondecode(found.value))
  }
}
resource "terraform_data" "by_id" {
  for_each = toset(local.config.net_nicknames)
  input    = local.nets[each.value].id
}
resource "terraform_data" "by_cidr" {
  for_each = toset(local.config.net_nicknames)
  input    = local.nets[each.value].cidr
}
output "runtime" {
  value = { cidrs = [for nickname in local.config.net_nicknames : local.nets[nickname].cidr] }
}
"""
URL = """
data "aws_ssm_parameter" "app" {
  count = 1
  name  = "${var.iac_prefix}/app/${local.config.app_nickname}/runtime"
}
resource "terraform_data" "this" {
  input = nonsensitive(jsondecode(data.aws_ssm_parameter.app[0].value)).cidrs
}
"""
CONFIGS: dict[str, dict[str, Any]] = {
    "net/n": {"cidr": "10.0.0.0/16"},
    "app/a": {"net_nicknames": ["n"]},
    "url/u": {"app_nickname": "a"},
}


class Project:
    """Three types that take nothing from Karma but names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "karma.toml").write_text(SETTINGS.format(url=local_aws.url()))
        for name, text in {"net": NET, "app": APP, "url": URL}.items():
            folder = root / "components" / name
            folder.mkdir(parents=True)
            (folder / "main.tf").write_text(PROVIDER.format(url=local_aws.url()) + text)

    def configure(self, configs: dict[str, dict[str, Any]]) -> None:
        """Write configs and publish them."""
        for address, config in configs.items():
            path = self.root / "iac" / "test" / address / "config.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(config))
        publish(self.workspace())

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The three types, and nothing deployed."""
    local_aws.fresh(monkeypatch)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", aws_provider.required())
    return Project(tmp_path)


def actions(made: Plan) -> dict[str, str]:
    """Address → action."""
    return {c.address: str(c.action) for c in made.components}


def resources(made: Plan, address: str) -> dict[str, tuple[str, Any]]:
    """Of a component's resources: action and planned input, or that it is unknown."""
    (component,) = [c for c in made.components if c.address == address]
    return {
        r.address: (r.action, "unknown" if is_unknown((r.unknown or {}).get("input")) else r.after["input"])
        for r in component.resources
    }


def test_what_modules_read_and_write_themselves_is_planned_key_by_key(project: Project) -> None:
    """New, a known value, an unknown one, and one that nobody reads: exact before anything is applied."""
    project.configure(CONFIGS)
    made = plan(project.workspace(), ALL)
    assert actions(made) == {"net/n": "create", "app/a": "create", "url/u": "create"}, made
    assert resources(made, "app/a") == {
        'terraform_data.by_cidr["n"]': ("create", "10.0.0.0/16"),
        'terraform_data.by_id["n"]': ("create", "unknown"),
    }
    assert resources(made, "url/u") == {"terraform_data.this": ("create", ["10.0.0.0/16"])}
    assert next(c for c in made.components if c.address == "app/a").unknown_inputs == ("net/n.id",)
    assert "karma_" not in repr([c.text for c in made.components])
    assert deploy(project.workspace(), ALL, ThreadExecutor, plan_id=made.id).status == "succeeded"
    assert set(actions(plan(project.workspace(), ALL)).values()) == {"no-op"}

    project.configure({"net/n": {"cidr": "10.9.0.0/16"}})
    made = plan(project.workspace(), ALL)
    assert actions(made) == dict.fromkeys(CONFIGS, "update")
    assert resources(made, "app/a") == {
        'terraform_data.by_cidr["n"]': ("update", "10.9.0.0/16"),
        'terraform_data.by_id["n"]': ("no-op", resources(made, "app/a")['terraform_data.by_id["n"]'][1]),
    }
    assert deploy(project.workspace(), ALL, ThreadExecutor, plan_id=made.id).status == "succeeded"

    project.configure({"net/n": {"cidr": "10.9.0.0/16", "generation": 2}})
    made = plan(project.workspace(), ALL)
    assert actions(made) == {"net/n": "replace", "app/a": "update", "url/u": "cut_off"}
    assert deploy(project.workspace(), ALL, ThreadExecutor, plan_id=made.id).status == "succeeded"

    project.configure({"net/n": {"cidr": "10.9.0.0/16", "generation": 2, "note": "nobody reads this"}})
    made = plan(project.workspace(), ALL)
    assert actions(made) == {"net/n": "update", "app/a": "cut_off", "url/u": "cut_off"}
    done = deploy(project.workspace(), ALL, ThreadExecutor, plan_id=made.id)
    assert {c.address: c.status for c in done.components} == {
        "net/n": "applied",
        "app/a": "cut_off",
        "url/u": "cut_off",
    }
