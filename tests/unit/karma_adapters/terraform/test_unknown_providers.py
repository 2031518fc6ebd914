"""Which provider configurations hang on what is unknown until apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.terraform.plan_only import why_deferred
from karma_adapters.terraform.unknown_providers import unknown_providers
from karma_core.configuration import Engine
from karma_core.json_types import JsonObject
from karma_core.records import Module, PlannedRuntime, TerraformJob

FILES = {
    "main.tf": """
locals {
  first  = var.dependencies["net/core"].region
  second = "${local.first}-1"
  other  = var.name
}
provider "aws" { region = "eu-central-1" }
provider "aws" {
  alias = "there"
  assume_role {
    role_arn = local.second
  }
}
provider "aws" {
  alias  = "named"
  region = local.other
}
""",
    "more.tf": 'provider "x" {\n  url = jsondecode(data.aws_ssm_parameter.net.value).url\n}\n',
    "broken.tf": "provider {",
    "only.tofu": 'provider "y" {\n  url = var.dependencies\n}\n',
}


@pytest.mark.parametrize(
    ("unknown", "parameters", "engine", "names"),
    [
        ({}, False, Engine.TERRAFORM, ()),
        ({"dependencies": True}, False, Engine.TERRAFORM, ("aws.there",)),
        ({"dependencies": True}, False, Engine.OPENTOFU, ("aws.there", "y")),
        ({"name": True}, False, Engine.TERRAFORM, ("aws.named",)),
        ({"name": True}, True, Engine.TERRAFORM, ("aws.named", "x")),
    ],
)
def test_directly_or_through_locals(
    tmp_path: Path, unknown: JsonObject, parameters: bool, engine: Engine, names: tuple[str, ...]
) -> None:
    """With its alias; nested blocks count, and files that the engine does not read do not."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    module = Module(type="app", digest="d", path=str(tmp_path), variables=(), outputs=())
    told = {"/iac/net/core/runtime": PlannedRuntime(unknown=True)} if parameters else {}
    job = TerraformJob(address="app/web", module=module, variables={}, unknown=unknown, parameters=told)
    assert unknown_providers(tmp_path, job, engine) == names


def test_the_reason_names_the_provider() -> None:
    """What Terraform says then is of a value that the provider lacks, and misleads alone."""
    why = why_deferred("╷\n│ Error: reading SSM Parameter (/x): MissingRegion\n", ("aws.there",))
    assert why == (
        "the configuration of provider aws.there is unknown until apply "
        "(Error: reading SSM Parameter (/x): MissingRegion)"
    )
