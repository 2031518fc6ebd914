"""A project whose components are boxes of a builtin resource: real Terraform, no cloud."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.e2e.command_line import Karma, write_config

MODULE = """\
variable "nickname" {
  type = string
}

variable "config" {
  type = any
}

variable "dependencies" {
  type    = any
  default = {}
}

resource "terraform_data" "box" {
  input = { config = var.config, dependencies = var.dependencies }
}

output "runtime" {
  value = merge(terraform_data.box.output.config, { id = terraform_data.box.id })

  # What the box holds is known after the apply only: so it is the apply that fails.
  precondition {
    condition     = !try(terraform_data.box.output.config.broken, false)
    error_message = "the box is broken"
  }
}
"""
SETTINGS = """\
[environments.dev]
prefix = "/dev"

[environments.prod]
prefix = "/prod"
"""


def make_project(
    folder: Path, configs: dict[str, dict[str, Any]], settings: str = "", env: str = "dev"
) -> Karma:
    """A project with the configs published and deployed in one environment; the command in it."""
    (folder / "components" / "box").mkdir(parents=True)
    (folder / "components" / "box" / "main.tf").write_text(MODULE)
    (folder / "karma.toml").write_text(SETTINGS + settings)
    for address, config in configs.items():
        write_config(folder, env, address, json.dumps(config))
    karma = Karma(folder, env=env)
    karma.json("config", "publish")
    karma.json("deploy", "--all", "--auto-approve")
    return karma


def request(karma: Karma, body: dict[str, Any], *words: str, code: int = 0) -> Any:
    """Request a change by a file; the result document."""
    path = karma.project / "change.json"
    path.write_text(json.dumps(body))
    return karma.json("change", "request", "--input", str(path), *words, code=code)


def config(karma: Karma, address: str) -> Any:
    """The config that the parameter store holds."""
    return karma.json("config", "show", *address.split("/"))["config"]


def runtime(karma: Karma, address: str) -> Any:
    """The runtime that was published, read past Karma."""
    name = f"/{karma.env}/{address}/runtime"
    with sqlite3.connect(karma.state / "parameters.sqlite") as store:
        row = store.execute("SELECT value FROM parameter WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0])
