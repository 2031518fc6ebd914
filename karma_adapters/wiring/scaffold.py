"""The files of a new project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from karma_core import ids
from karma_core.errors import Refused

_SETTINGS: Final = """\
# Settings of this project. Paths are relative to this file.

[project]
default_environment = "{environment}"

[environments.{environment}]
region = "us-east-1"
"""
_MODULE: Final = """\
variable "nickname" {
  type = string
}

variable "config" {
  type = any
}

resource "terraform_data" "greeting" {
  input = "${var.config.greeting} from ${var.nickname}"
}

# What other components may read of this one.
output "runtime" {
  value = {
    id   = terraform_data.greeting.id
    text = terraform_data.greeting.output
  }
}
"""
_TYPE: Final = """\
description: The smallest component, to begin with.
schema:
  type: object
  required: [greeting]
  properties:
    greeting: { type: string }
"""
_IGNORE: Final = ".karma/\n"


def start_project(root: Path, environment: str) -> list[str]:
    """Write the files, return their paths; Refused `project-exists` rather than touch one that exists."""
    ids.check_environment(environment)
    files = {
        "karma.toml": _SETTINGS.format(environment=environment),
        "components/hello/main.tf": _MODULE,
        "components/hello/component.yaml": _TYPE,
        f"iac/{environment}/hello/world/config.json": '{\n  "greeting": "hello"\n}\n',
    }
    present = [name for name in files if (root / name).exists()]
    if present:
        raise Refused(
            f"there is a project in {root.name or root} already",
            why=f"{', '.join(present)} exist",
            next_step="choose another folder, or edit those files",
            code="project-exists",
        )
    if not (root / ".gitignore").exists():
        files[".gitignore"] = _IGNORE
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return sorted(files)
