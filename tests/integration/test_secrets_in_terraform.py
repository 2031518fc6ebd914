"""Real Terraform with secrets: in plans, drift, errors, copies for planning, and commands of modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from karma_core.errors import DeployFailed
from karma_core.masking.masker import MASK, Masker
from karma_core.model import to_builtins
from karma_core.records import TerraformJob
from tests.terraform_system import System, make_system

SECRETS = (
    "Tr0ub4dor&3zebra",
    'pa"ss\\w0rd-Lynx',
    "okapi-line-one\nokapi-line-two\n",
    "pl\u00e4tz\u00dfchen-42",
)
KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYokapi"
ACCESS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7QUAGGA", "AWS_SECRET_ACCESS_KEY": KEY}
"""The worker's credentials."""
LEAKY = """
variable "config" {
  type = any
}
resource "terraform_data" "this" {
  input = { for at, secret in var.config.list : "secret ${at}" => {
    "as it is" = secret
    json       = jsonencode({ a = jsonencode([secret]) })
    url        = urlencode(secret)
    base64     = base64encode("u:${secret}")
    upper      = upper(secret)
    (secret)   = "as a key"
  } }
  lifecycle {
    postcondition {
      condition     = !try(var.config.fail, false)
      error_message = "cannot log in with ${base64encode(jsonencode(var.config.list))}"
    }
  }
}
output "passed" {
  value = base64encode(var.config.list[0])
}
"""
CONSUMER = """
variable "dependencies" {
  type      = any
  sensitive = true
}
resource "terraform_data" "y" {
  input = base64encode(var.dependencies["a/one"].password)
}
resource "terraform_data" "z" {
  input = var.dependencies["a/one"].out
}
"""
COMMANDS = """
resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "env > ${path.module}/../../../env-1"
  }
  provisioner "local-exec" { command = "env > ${path.module}/../../../env-2" }
  provisioner "local-exec" {
    environment = { OWN = "mine", AWS_PROFILE = "chosen" }
    command     = <<-EOT
      env > ${path.module}/../../../env-3
    EOT
  }
}
"""


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system on the real binary, with a worker's credentials in its environment."""
    return make_system(tmp_path, environment=ACCESS)


def _job(system: System, address: str, **variables: object) -> TerraformJob:
    return replace(system.job(address, **variables), secrets=SECRETS)


def _shown(value: object) -> str:
    return json.dumps(to_builtins(value), ensure_ascii=False)


def test_no_encoding_of_a_secret_is_in_a_plan_a_drift_report_or_an_error(system: System) -> None:
    """The module has lost every mark: encoded, in keys, in its readable text, in what it failed with."""
    system.write("leaky/main.tf", LEAKY)
    secrets = Masker(SECRETS)
    job = _job(system, "leaky/one", config={"list": list(SECRETS)})
    plan = system.terraform.plan(job)
    assert "as it is" in plan.text
    assert not secrets.contains([plan.text, to_builtins(plan.resources)])
    outputs = system.terraform.apply(job, plan)
    assert secrets.contains(outputs.values)  # exactly what the module put out: consumers need it
    assert not secrets.contains(_shown(system.terraform.refresh(job).resources))
    failing = _job(system, "leaky/one", config={"list": [*SECRETS, "more"], "fail": True})
    with pytest.raises(DeployFailed) as failed:
        system.terraform.apply(failing, system.terraform.plan(failing))
    assert "cannot log in" in failed.value.why
    assert not secrets.contains(failed.value.document())


def test_a_copy_for_planning_keeps_the_mark_of_its_variable(system: System) -> None:
    """`sensitive` on `var.dependencies` holds in the copy, too, where an output of ours stands for it."""
    system.write("consumer/main.tf", CONSUMER)
    known = {"a/one": {"password": "s3cret", "out": "plain"}}
    job = system.job("consumer/one", dependencies=known)
    plan = system.terraform.plan(replace(job, unknown={"dependencies": {"a/one": {"id": True}}}))
    shown = {one.address: one.after for one in plan.resources}
    assert shown["terraform_data.y"]["input"] == MASK
    assert shown["terraform_data.z"]["input"] == MASK
    assert "czNjcmV0" not in plan.text


@pytest.mark.parametrize("asked", [False, True])
def test_commands_get_the_credentials_only_where_the_type_asks(system: System, asked: bool) -> None:
    """In blocks of one line and of several, and beside an environment of their own, which they keep."""
    system.write("commands/main.tf", COMMANDS)
    job = replace(system.job("commands/one"), provisioner_credentials=asked)
    system.terraform.apply(job, system.terraform.plan(job))
    written = sorted(system.root.rglob("env-*"))
    assert [path.name for path in written] == ["env-1", "env-2", "env-3"]
    for path in written:
        assert (KEY in path.read_text()) is asked
    assert {"OWN=mine", "AWS_PROFILE=chosen"} <= set(written[2].read_text().splitlines())


def test_the_worker_s_credentials_are_masked_as_secrets_are(system: System) -> None:
    """A command that was given them and prints them says nothing in the error."""
    command = "echo key $AWS_SECRET_ACCESS_KEY; printf %s $AWS_SECRET_ACCESS_KEY | base64; exit 1"
    provisioner = f'provisioner "local-exec" {{\n    command = "{command}"\n  }}'
    system.write("prints/main.tf", f'resource "terraform_data" "this" {{\n  {provisioner}\n}}\n')
    job = replace(system.job("prints/one"), provisioner_credentials=True)
    with pytest.raises(DeployFailed) as failed:
        system.terraform.apply(job, system.terraform.plan(job))
    assert MASK in failed.value.why
    assert not Masker([KEY]).contains(failed.value.document())
