"""Providers whose configuration takes values of runtimes, and their aliases: the real AWS provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import local_aws
from tests.integration import aws_provider
from tests.terraform_project import TerraformProject

PRODUCER = """
variable "region" { type = string }
resource "terraform_data" "this" { triggers_replace = var.region }
output "late" { value = terraform_data.this.id == "" ? "" : var.region }
"""
ARGUMENTS = """
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_get_ec2_platforms      = true
  skip_region_validation      = true
  endpoints {{
    ssm = "{url}"
  }}
"""
CONSUMER = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
variable "region" {{ type = string }}
locals {{
  there = var.region
}}
provider "aws" {{
  region = "eu-central-1"
{arguments}
}}
provider "aws" {{
  alias  = "there"
  region = local.there
{arguments}
}}
resource "aws_ssm_parameter" "there" {{
  provider = aws.there
  name     = "/notes/there"
  type     = "String"
  value    = "v"
}}
"""


def test_a_provider_with_an_unknown_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be created is planned; where something has to be read, the reason names the provider."""
    local_aws.fresh(monkeypatch)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", aws_provider.required())
    project = TerraformProject(tmp_path)
    project.module("net", PRODUCER)
    arguments = ARGUMENTS.format(url=local_aws.url())
    project.module("app", CONSUMER.format(arguments=arguments))
    project.config("net/core", {"region": "eu-west-1"})
    project.config("app/web", {"region": {"$runtime": "net/core#late"}})
    project.publish()
    planned = project.planned()["app/web"]
    assert (planned.action, planned.add, planned.unknown_inputs) == ("create", 1, ("net/core.late",))
    assert set(project.deploy().values()) == {"applied"}
    project.config("net/core", {"region": "eu-north-1"})
    project.publish()
    planned = project.planned()["app/web"]
    assert planned.action == "deferred"
    assert "the configuration of provider aws.there is unknown until apply (Error: " in planned.reason
