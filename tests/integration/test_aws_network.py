"""The deployment's network, applied by real Terraform with the real AWS provider to an AWS in memory."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from examples.serverless import local_copy
from karma_adapters.terraform import binary
from tests import local_aws
from tests.integration import aws_provider

MODULES = ("alarms", "functions", "http-api", "neptune", "network", "orders", "policies", "stores", "workers")
"""All but `bucket`, whose resources provider 3.39 does not have."""
PROJECT = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_get_ec2_platforms      = true

  endpoints {
    cloudwatchlogs = "%(url)s"
    ec2            = "%(url)s"
    iam            = "%(url)s"
    sts            = "%(url)s"
  }
}

module "network" {
  source = "%(module)s"
  name   = "karma-test"
  cidr   = "10.90.0.0/20"
  nat    = "one"
}

# The network of somebody else, with functions and workers of another environment in it.
module "guest" {
  source              = "%(module)s"
  name                = "karma-guest"
  gateway_endpoints   = []
  interface_endpoints = []

  existing = {
    vpc_id            = module.network.vpc_id
    subnet_ids        = module.network.subnet_ids
    route_table_ids   = module.network.route_table_ids.private
    worker_subnet_ids = module.network.worker_subnet_ids
  }
}

output "network" {
  value = module.network
}

output "guest" {
  value = module.guest
}
"""
LOCK = """
provider "registry.terraform.io/hashicorp/aws" {
  version = "3.39.0"
}
"""
"""As that of deployments/aws: a version and no hashes."""


@dataclass(frozen=True)
class Terraform:
    """Terraform in a folder, with the provider of the mirror."""

    folder: Path
    configuration: str

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code (0 or 2) and output of a command."""
        ended = subprocess.run(
            [*binary.find("").words, *words],
            cwd=self.folder,
            env={**os.environ, "TF_CLI_CONFIG_FILE": self.configuration, "TF_IN_AUTOMATION": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert ended.returncode in {0, 2}, ended.stdout[-2000:] + ended.stderr[-4000:]
        return ended.returncode, ended.stdout


@pytest.mark.timeout(300)
def test_the_network_is_closed_but_for_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second plan is empty; nothing comes in, only workers get out, each service has its endpoint."""
    configuration = aws_provider.required()
    local_aws.fresh(monkeypatch)
    module = local_copy.copy(tmp_path / "copy").parent / "modules" / "network"
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.tf").write_text(PROJECT % {"url": local_aws.url(), "module": module})
    (folder / ".terraform.lock.hcl").write_text(LOCK)
    terraform = Terraform(folder, configuration)
    terraform("init", "-input=false")
    assert "h1:" in (folder / ".terraform.lock.hcl").read_text()  # init adds what the lock does not have
    terraform("apply", "-input=false", "-auto-approve")
    assert terraform("plan", "-input=false", "-detailed-exitcode")[0] == 0
    outputs = json.loads(terraform("output", "-json")[1])
    network, guest = outputs["network"]["value"], outputs["guest"]["value"]
    ec2 = boto3.client("ec2", region_name=local_aws.REGION, endpoint_url=local_aws.url())
    mine = [{"Name": "vpc-id", "Values": [network["vpc_id"]]}]
    subnets = {subnet["SubnetId"]: subnet for subnet in ec2.describe_subnets(Filters=mine)["Subnets"]}
    for kind in ("subnet_ids", "worker_subnet_ids"):
        assert len({subnets[name]["AvailabilityZone"] for name in network[kind]}) == len(network[kind]) == 2
    endpoints = ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"]
    assert sorted(one["ServiceName"].rpartition(".")[2] for one in endpoints) == ["dynamodb", "s3", "ssm"]
    groups = {g["GroupId"]: g for g in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]}
    for name in ("functions", "workers"):
        assert groups[network["security_group_ids"][name]]["IpPermissions"] == []
    ways = {
        table["RouteTableId"]: [r for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0"]
        for table in ec2.describe_route_tables(Filters=mine)["RouteTables"]
    }
    assert [ways[one] for one in network["route_table_ids"]["private"]] == [[]]
    assert all(ways[one][0]["NatGatewayId"] for one in network["route_table_ids"]["workers"])
    assert (guest["vpc_id"], guest["subnet_ids"]) == (network["vpc_id"], network["subnet_ids"])
    assert guest["security_group_ids"]["functions"] != network["security_group_ids"]["functions"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_valid(tmp_path: Path, module: str) -> None:
    """Terraform and a real provider, though an old one, take references, types and functions."""
    configuration = aws_provider.required()
    folder = local_copy.copy(tmp_path / "copy").parent / "modules" / module
    terraform = Terraform(folder, configuration)
    terraform("init", "-input=false", "-backend=false")
    assert terraform("validate", "-json")[0] == 0
