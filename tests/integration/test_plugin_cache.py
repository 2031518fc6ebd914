"""The cache of provider plugins, which all modules share while others run from it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration import aws_provider
from tests.terraform_system import make_system

MODULE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "terraform_data" "this" {}
"""


def entry(root: Path) -> tuple[int, int]:
    """Identity of the provider's package in the cache; a package that is installed again has another."""
    folders = sorted((root / "terraform" / "cache" / "plugins").glob("*/hashicorp/aws/*/*"))
    assert len(folders) == 1
    status = os.lstat(folders[0])
    return status.st_ino, status.st_ctime_ns


def test_a_package_that_is_cached_is_not_installed_again(tmp_path: Path) -> None:
    """The first init of another module leaves the package alone: a plan may be running from it."""
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": aws_provider.required()}
    system = make_system(tmp_path, environment=environment)
    for component_type in ("one", "two"):
        system.write(f"{component_type}/main.tf", MODULE)
    system.terraform.plan(system.job("one/a"))
    before = entry(tmp_path)
    system.terraform.plan(system.job("two/a"))
    assert entry(tmp_path) == before
