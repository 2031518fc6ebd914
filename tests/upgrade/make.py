"""Make the fixture of a version: a project with a life behind it, deployed by the code on PYTHONPATH.

`python tests/upgrade/make.py FILE.tar.gz` with PYTHONPATH set to a checkout of that version. See README.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

SETTINGS = """
[project]
orchestrator = "direct"
[terraform]
binary = "embedded"
[environments.prod]
region = "eu-west-1"
[environments.prod.policy]
protected = ["vault/*"]
approval_hours = 8760
"""
FILES = {
    "components/net/main.tf": """
variable "config" { type = any }
resource "terraform_data" "net" { input = var.config.cidr }
module "zones" {
  source = "../_shared/zones"
  count_of = try(var.config.zones, 2)
}
output "runtime" {
  value = { id = terraform_data.net.id, cidr = var.config.cidr, zones = module.zones.names }
}
""",
    "components/_shared/zones/main.tf": """
variable "count_of" { type = number }
output "names" { value = [for i in range(var.count_of) : "zone-${i}"] }
""",
    "components/app/main.tf": """
variable "config" { type = any }
variable "dependencies" { type = any }
locals { net = var.dependencies["net/${var.config.net_nickname}"] }
resource "terraform_data" "app" { input = { cidr = local.net.cidr, size = try(var.config.size, 1) } }
output "url" { value = "http://${local.net.cidr}" }
output "id" { value = terraform_data.app.id }
""",
    "components/app/component.yaml": "consumes:\n  net: [cidr]\nschema:\n  type: object\n",
    "components/vault/main.tf": """
variable "config" { type = any }
resource "terraform_data" "vault" { input = var.config.name }
output "runtime" {
  value     = { name = var.config.name, password = "s-${var.config.name}" }
  sensitive = true
}
""",
    "components/vault/component.yaml": "protected: true\nprotected_fields: [name]\n",
    "components/agent/main.tf": """
variable "config" { type = any }
variable "dependencies" { type = any }
resource "terraform_data" "agent" {
  input = { for address, runtime in var.dependencies : address => sha256(jsonencode(runtime)) }
}
output "done" { value = true }
""",
    "components/agent/component.yaml": (
        'propagation: reload\nreload:\n  command: ["true"]\n'
        "match:\n  - field: site\n    type: app\n    equals: site_name\n"
    ),
    "iac/prod/net/core/config.json": {"cidr": "192.0.2.0/24"},
    "iac/prod/app/shop/config.json": {"net_nickname": "core", "site_name": "shop.", "size": 1},
    "iac/prod/vault/main/config.json": {"name": "main"},
    "iac/prod/agent/edge/config.json": {
        "site": "shop",
        "depends_on": ["net/core"],
        "secret": "/iac/vault/main/runtime",
    },
    "iac/prod/app/old/config.json": {"net_nickname": "core", "site_name": "old"},
}


PLACE = "@PLACE@"
"""Stands in archived modules for the folder that the project was made in; whoever unpacks it puts its own."""
CACHES = frozenset({"cache", "work", ".terraform", "terraform", "terraform-refresh"})


class Project:
    """A folder, and the command line of the version on PYTHONPATH."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: Any) -> None:
        """Write a file; an object as JSON."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n")

    def karma(self, *words: str, code: int = 0) -> Any:
        """What a command prints with --json."""
        ran = subprocess.run(
            [sys.executable, "-m", "karma_cli", *words, "--json", "--project", str(self.root)],
            env={**os.environ, "KARMA_USER": "ann", "KARMA_ENV": "prod"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != code:
            raise SystemExit(f"karma {' '.join(words)}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        return json.loads(ran.stdout) if ran.stdout.strip() else None


def live(project: Project) -> dict[str, Any]:
    """A project's life; what the tests have to know of it."""
    project.write("karma.toml", SETTINGS)
    for path, content in FILES.items():
        project.write(path, content)
    project.karma("config", "publish")
    project.karma("graph", "build")
    project.karma("deploy", "--all", "--auto-approve")
    project.write("patch.json", {"size": 2})
    patch = str(project.root / "patch.json")
    applied = project.karma("propose-change", "app", "shop", "--input", patch, "--auto-approve")
    rolled_back = project.karma("change", "rollback", applied["change_id"], "--auto-approve")
    project.write("patch.json", {"tags": ["x"]})
    rejected = project.karma("propose-change", "vault", "main", "--input", patch, code=4)
    project.karma("change", "reject", rejected["change_id"], "--reason", "not now")
    waiting = project.karma("propose-change", "vault", "main", "--input", patch, code=4)
    plan = project.karma("plan", "--all")
    project.karma("drift")
    project.karma("graph", "build")
    token = project.karma("token", "create", "ann", "--role", "admin")
    (project.root / "patch.json").unlink()
    return {
        "applied": applied["change_id"],
        "rolled_back": rolled_back["change_id"],
        "rejected": rejected["change_id"],
        "waiting": waiting["change_id"],
        "plan": plan["plan_id"],
        "token": token["token"],
        "runs": sorted(
            {event["run_id"] for event in project.karma("log", "grep", "--action", "terraform_apply")}
        ),
    }


def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """What belongs to the fixture: no caches, no working folders of Terraform."""
    parts = Path(entry.name).parts
    if CACHES & set(parts) and ".karma" in parts:
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def main(target: Path) -> None:
    """Make the project and pack it."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder) / "project")
        project.root.mkdir()
        facts = live(project)
        project.write("facts.json", facts)
        for path in (project.root / ".karma/modules").rglob("module.json"):
            path.write_text(path.read_text().replace(folder, PLACE))
        leaked = [
            path
            for path in project.root.rglob("*")
            if path.is_file() and folder.encode() in path.read_bytes() and kept(tarfile.TarInfo(str(path)))
        ]
        if leaked:
            raise SystemExit(f"the folder's name stands in {', '.join(map(str, leaked))}")
        with tarfile.open(target, "w:gz") as packed:
            packed.add(project.root, "project", filter=kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
