"""Drift right after an apply, with the real AWS provider: siblings make none, a change by hand does."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests import local_aws
from tests.e2e.command_line import Karma
from tests.integration import aws_provider

pytestmark = pytest.mark.timeout(600)
MODULE = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 3.39"
    }
  }
}
variable "config" { type = any }
variable "aws_endpoint" { type = string }
variable "region" { type = string }
provider "aws" {
  region                      = var.region
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    ec2 = var.aws_endpoint
  }
}
resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}
resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "main" }
}
resource "aws_route" "out" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}
resource "aws_security_group" "this" {
  name        = "web"
  description = "web"
  vpc_id      = aws_vpc.this.id
}
resource "aws_security_group_rule" "https" {
  type              = "ingress"
  from_port         = 443
  to_port           = 443
  protocol          = "tcp"
  cidr_blocks       = ["10.0.0.0/8"]
  security_group_id = aws_security_group.this.id
}
output "runtime" {
  value = { table = aws_route_table.this.id, group = aws_security_group.this.id }
}
"""
SETTINGS = f"""
[project]
default_environment = "dev"
orchestrator = "direct"
[environments.dev]
region = "{local_aws.REGION}"
"""


@pytest.fixture
def karma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Karma:
    """A deployed network, and the command in its project."""
    configuration = aws_provider.required()
    local_aws.fresh(monkeypatch)
    (tmp_path / "components/net").mkdir(parents=True)
    (tmp_path / "components/net/main.tf").write_text(MODULE)
    (tmp_path / "karma.toml").write_text(SETTINGS)
    config = tmp_path / "iac/dev/net/main/config.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    endpoint = json.dumps({"aws_endpoint": local_aws.url()})
    made = Karma(tmp_path, "dev").under(
        TF_CLI_CONFIG_FILE=configuration, KARMA_ENVIRONMENTS__DEV__VARIABLES=endpoint
    )
    made.json("config", "publish")
    made.json("deploy", "--all", "--auto-approve")
    return made


def drifted(karma: Karma) -> dict[str, list[str]]:
    """Resource → places in which it differs; empty where the check says that the component is clean."""
    (component,) = karma.json("drift")["components"]
    assert component["status"] == ("drifted" if component["resources"] else "clean")
    return {r["address"]: [a["pointer"] for a in r["attributes"]] for r in component["resources"]}


def ec2(operation: str, **request: Any) -> Any:
    """A call by somebody who is not Karma."""
    access = local_aws.Access(region=local_aws.REGION, endpoint_url=local_aws.url())
    return local_aws.api(access, "ec2").call(operation, **request)


def test_what_siblings_write_is_no_drift_and_what_a_person_does_is(karma: Karma) -> None:
    """Routes and rules of resources of their own are clean from the first check on; a rule by hand is not."""
    assert drifted(karma) == {}
    assert drifted(karma) == {}
    group = _runtime(karma)["group"]
    permission = {
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }  # fmt: skip
    ec2("authorize_security_group_ingress", GroupId=group, IpPermissions=[permission])
    assert list(drifted(karma)) == ["aws_security_group.this"]


def test_what_the_configuration_sets_is_compared_from_the_start(karma: Karma) -> None:
    """No baseline hides a tag that somebody changed before the first check, nor a resource that is gone."""
    runtime = _runtime(karma)
    ec2("create_tags", Resources=[runtime["table"]], Tags=[{"Key": "Name", "Value": "other"}])
    ec2("delete_route", RouteTableId=runtime["table"], DestinationCidrBlock="0.0.0.0/0")
    found = drifted(karma)
    assert "/tags/Name" in found["aws_route_table.this"]
    assert found["aws_route.out"] == []  # it is gone


def _runtime(karma: Karma) -> Any:
    """The published runtime."""
    with sqlite3.connect(karma.state / "parameters.sqlite") as store:
        row = store.execute("SELECT value FROM parameter WHERE name = '/iac/net/main/runtime'").fetchone()
    return json.loads(row[0])
