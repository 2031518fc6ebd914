"""Projects of the corpus's modules, in a folder of their own.

`plain` needs no provider; `aws` keeps parameters and states in a local AWS; `graph` is never deployed,
because a provider or a backend of it is not to be had in tests; `tofu` is read as OpenTofu reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from karma_adapters.aws.access import Access
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import read_fleet
from tests import local_aws
from tests.corpus import truth
from tests.terraform_project import TerraformProject

CORPUS = Path(__file__).parent
STATES = "fleet-states"
TEMPLATE = """{
  "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "others"}}},
  "Outputs": {"Address": {"Value": "10.9.8.7", "Export": {"Name": "corpus-address"}}}
}
"""
"""A stack of nobody here, with an export."""
AWS = """
parameters = "ssm"
terraform_state = "s3"
[environments.test.aws]
endpoint_url = "{endpoint}"
requests_per_second = 1000
tfstate_bucket = "{bucket}"
tfstate_prefix = "fleet"
"""
FOREIGN = """{
  "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "foreign", "resources": [],
  "outputs": {"greeting": {"value": "hello", "type": "string"}}
}
"""
"""The state of nobody here."""
EMBEDDED = f"""
terraform_state = "s3"
[environments.test.aws]
tfstate_bucket = "{STATES}"
tfstate_prefix = "fleet"
"""
"""The project `aws` where nothing is deployed: parameters are on this machine."""


def make(
    root: Path,
    project: str,
    *,
    only: Collection[str] = (),
    endpoint: str = "",
    program: Path | None = None,
) -> TerraformProject:
    """The project below `root`, its configs published.

    `only` these types; `endpoint` of a local AWS; `program` that runs the modules, instead of Terraform.
    """
    variables = {
        "states": str(root / ".karma/test/tfstate"),
        "foreign": str(root / "foreign.tfstate"),
        "owner": "platform",
        "aws_endpoint": endpoint or "http://127.0.0.1:9",
        "state_endpoint": endpoint or "http://127.0.0.1:9",
    }
    lines = "".join(f'{name} = "{value}"\n' for name, value in variables.items())
    stores = ""
    if project == "aws":
        stores = AWS.format(endpoint=endpoint, bucket=STATES) if endpoint else EMBEDDED
    program = _tofu(root) if project == "tofu" else program
    engine = f'binary = "{program}"\n' if program else ""
    engine = f'[terraform]\nallowed_module_sources = ["terraform-aws-modules/*"]\n{engine}'
    made = TerraformProject(root, f"{stores}[environments.test.variables]\n{lines}{engine}")
    shutil.copytree(CORPUS / "components" / "modules", root / "components" / "modules")
    shutil.copytree(CORPUS / "data", root / "data")
    (root / "foreign.tfstate").write_text(FOREIGN)
    for one in truth.of_project(project):
        if not only or one.type in only:
            _add(made, one)
    made.publish()
    return made


def _tofu(root: Path) -> Path:
    """A program by whose name modules are read as OpenTofu reads them; it is never run."""
    path = root / "bin" / "tofu"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


def _add(project: TerraformProject, one: truth.Truth) -> None:
    folder = project.root / "components" / one.type
    shutil.copytree(truth.COMPONENTS / one.type, folder)
    if one.provider == "aws":
        shutil.copy(CORPUS / "aws-provider.tf", folder / "provider.tf")
    for nickname, config in one.configs.items():
        project.config(f"{one.type}/{nickname}", config)


def prepare_aws(access: Access) -> None:
    """What the project `aws` needs beside itself: the bucket of states, and what others have made."""
    place = {"LocationConstraint": local_aws.REGION}
    local_aws.api(access, "s3").call("create_bucket", Bucket=STATES, CreateBucketConfiguration=place)
    parameter = {"Name": "/others/endpoint", "Value": "https://others.example.org", "Type": "String"}
    local_aws.api(access, "ssm").call("put_parameter", **parameter)
    stack = {"StackName": "others", "TemplateBody": TEMPLATE}
    local_aws.api(access, "cloudformation").call("create_stack", **stack)


def fleet_of(project: TerraformProject) -> Fleet:
    """Its graph and findings."""
    return read_fleet(project.workspace())
