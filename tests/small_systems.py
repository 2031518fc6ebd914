"""Small systems on real Terraform: modules of a few lines, configs, and what a plan of a change must say.

Every module reads `var.config` and `var.dependencies` alone and uses `terraform_data`, whose id is unknown
until it is created, whose `output` is unknown whenever its input changes, and which is replaced when
`triggers_replace` changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.use_cases.configs.publish import publish
from karma_core.workspace import Workspace

HEAD = 'variable "config" { type = any }\nvariable "dependencies" {\n  type    = any\n  default = {}\n}\n'

NET = """
resource "terraform_data" "net" {
  input            = var.config.cidr
  triggers_replace = try(var.config.generation, 1)
}
resource "terraform_data" "note" { input = try(var.config.note, "") }
output "runtime" {
  value = {
    id    = terraform_data.net.id
    cidr  = var.config.cidr
    zones = try(var.config.zones, ["a"])
    seen  = terraform_data.net.output
    note  = try(var.config.note, "")
  }
}
"""
APP = """
locals { net = var.dependencies["net/${var.config.net_nickname}"] }
resource "terraform_data" "by_id" { input = local.net.id }
resource "terraform_data" "by_cidr" { input = local.net.cidr }
resource "terraform_data" "own" { input = try(var.config.size, 1) }
output "runtime" {
  value = { url = "http://${local.net.cidr}", size = try(var.config.size, 1), id = terraform_data.own.id }
}
"""
COUNTED = """
locals { net = var.dependencies["net/${var.config.net_nickname}"] }
resource "terraform_data" "each" {
  count = length(local.net.zones)
  input = local.net.zones[count.index]
}
output "runtime" { value = { count = length(local.net.zones) } }
"""
BY_SEEN = """
locals { net = var.dependencies["net/${var.config.net_nickname}"] }
resource "terraform_data" "each" {
  for_each = toset([local.net.seen])
  input    = each.value
}
output "runtime" { value = { n = 1 } }
"""
REPLACED_BY = """
locals { net = var.dependencies["net/${var.config.net_nickname}"] }
resource "terraform_data" "this" { triggers_replace = local.net.id }
output "runtime" { value = { id = terraform_data.this.id } }
"""
LEAF = """
resource "terraform_data" "this" {
  input = { for address, runtime in var.dependencies : address => runtime }
}
output "runtime" { value = { done = true } }
"""
URL = """
locals { app = var.dependencies["app/${var.config.app_nickname}"] }
resource "terraform_data" "this" { input = local.app.url }
output "runtime" { value = { url = local.app.url } }
"""
SECRET = """
output "runtime" {
  value     = { password = var.config.password, user = var.config.user }
  sensitive = true
}
resource "terraform_data" "this" { triggers_replace = sensitive(var.config.password) }
"""
SECRET_USER = """
locals { secret = var.dependencies["secret/${var.config.secret_nickname}"] }
resource "terraform_data" "by_user" { input = local.secret.user }
resource "terraform_data" "by_password" { triggers_replace = sensitive(local.secret.password) }
output "runtime" { value = { user = local.secret.user } }
"""
CONDITIONAL = """
locals { net = try(var.dependencies["net/${var.config.net_nickname}"], null) }
resource "terraform_data" "this" { input = local.net == null ? "alone" : local.net.cidr }
output "runtime" { value = { mode = local.net == null ? "alone" : "joined" } }
"""
SINGLE_OUTPUTS = """
resource "terraform_data" "this" { input = var.config.name }
output "name" { value = var.config.name }
output "id" { value = terraform_data.this.id }
"""
NAMED_USER = """
resource "terraform_data" "this" {
  input = var.dependencies["named/${var.config.named_nickname}"].name
}
output "runtime" { value = { ok = true } }
"""

MODULES: dict[str, str] = {
    "net": NET,
    "app": APP,
    "counted": COUNTED,
    "by-seen": BY_SEEN,
    "replaced-by": REPLACED_BY,
    "leaf": LEAF,
    "url": URL,
    "secret": SECRET,
    "secret-user": SECRET_USER,
    "conditional": CONDITIONAL,
    "named": SINGLE_OUTPUTS,
    "named-user": NAMED_USER,
}
CONSUMES: dict[str, dict[str, Any]] = {
    "app": {"consumes": {"net": ["id", "cidr"]}},
    "counted": {"consumes": {"net": ["zones"]}},
    "by-seen": {"consumes": {"net": ["seen"]}},
    "replaced-by": {"consumes": {"net": ["id"]}},
    "url": {"consumes": {"app": ["url"]}},
    "secret-user": {"consumes": {"secret": ["user", "password"]}},
    "conditional": {"consumes": {"net": ["cidr"]}},
    "named-user": {"consumes": {"named": ["name"]}},
}

Configs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """A system, a change of it, and the plan of the change. A config of None is removed.

    `expected` has the action of every component of the plan; `modules` are other texts for types after the
    change. `applied` is the deploy's status where it is not the one that the action foretells.
    """

    name: str
    before: Configs
    change: Mapping[str, Mapping[str, Any] | None]
    expected: Mapping[str, str]
    modules: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class SmallSystem:
    """A project in a folder, with the modules above."""

    def __init__(self, root: Path, types: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.root = root
        for name, text in MODULES.items():
            self.write_module(name, text)
        for name, definition in {**CONSUMES, **(types or {})}.items():
            (root / "components" / name / "component.yaml").write_text(json.dumps(definition))

    def write_module(self, name: str, text: str) -> None:
        """Give a type this module."""
        folder = self.root / "components" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.tf").write_text(HEAD + text)

    def configure(self, configs: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Write or remove configs in Git's folder, and publish them."""
        for address, config in configs.items():
            path = self.root / "iac" / "test" / address / "config.json"
            if config is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(config))
        workspace = self.workspace()
        publish(workspace)
        gone = [workspace.config_parameter(address) for address, config in configs.items() if config is None]
        workspace.parameters.delete(gone)

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")
