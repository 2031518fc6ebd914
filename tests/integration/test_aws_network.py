"""The deployment's network, applied by real Terraform with the real AWS provider to an AWS in memory."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import boto3
import pytest

from karma_adapters.terraform import binary
from tests import local_aws
from tests.integration import aws_provider

MODULE = Path(__file__).parents[2] / "deployments" / "aws" / "modules" / "network"
PROJECT = """
provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    ec2 = "%s"
    sts = "%s"
  }
}

module "network" {
  source = "%s"
  name   = "karma-test"
  cidr   = "10.90.0.0/20"
}

output "network" {
  value = module.network
}
"""


@pytest.mark.timeout(300)
def test_the_network_is_closed_but_for_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second plan is empty; nothing comes in, nothing reaches the internet, each service has its door."""
    configuration = aws_provider.required()
    local_aws.fresh(monkeypatch)
    (tmp_path / "main.tf").write_text(PROJECT % (local_aws.url(), local_aws.url(), MODULE))

    def terraform(*words: str) -> tuple[int, str]:
        ended = subprocess.run(
            [*binary.find("").words, *words],
            cwd=tmp_path,
            env={**os.environ, "TF_CLI_CONFIG_FILE": configuration, "TF_IN_AUTOMATION": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert ended.returncode in {0, 2}, ended.stdout[-2000:] + ended.stderr[-4000:]
        return ended.returncode, ended.stdout

    terraform("init", "-input=false")
    terraform("apply", "-input=false", "-auto-approve")
    assert terraform("plan", "-input=false", "-detailed-exitcode")[0] == 0
    network = json.loads(terraform("output", "-json")[1])["network"]["value"]
    ec2 = boto3.client("ec2", region_name=local_aws.REGION, endpoint_url=local_aws.url())
    mine = [{"Name": "vpc-id", "Values": [network["vpc_id"]]}]
    subnets = ec2.describe_subnets(Filters=mine)["Subnets"]
    assert sorted(network["subnet_ids"]) == sorted(subnet["SubnetId"] for subnet in subnets)
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == len(subnets) > 1
    doors = ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"]
    assert {door["ServiceName"].rpartition(".")[2] for door in doors} == {
        "dynamodb", "events", "kms", "logs", "s3", "ssm", "sts",
    }  # fmt: skip
    groups = {g["GroupId"]: g for g in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]}
    functions = groups[network["functions_security_group_id"]]
    assert functions["IpPermissions"] == []
    routes = [r for table in ec2.describe_route_tables(Filters=mine)["RouteTables"] for r in table["Routes"]]
    assert not [route for route in routes if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
