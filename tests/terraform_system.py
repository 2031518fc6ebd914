"""Real Terraform in a temporary directory, with the module that `tests.memory.terraform` mirrors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karma_adapters.modules.directory import ModuleDirectory
from karma_adapters.processes import environment as child_environment
from karma_adapters.processes.children import Processes
from karma_adapters.terraform.backend import LocalBackend
from karma_adapters.terraform.engines import Engines, Wish
from karma_adapters.terraform.runner import TerraformRunner
from karma_adapters.terraform.runner_options import USUAL, Directories, Seconds, say_nothing
from karma_core.engines import EngineChoice
from karma_core.ports import Say
from karma_core.records import TerraformJob

BOX = """
variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input            = { config = var.config, dependencies = var.dependencies }
  triggers_replace = try(var.config.replace_on, null)
}
output "runtime" {
  value = merge(
    { for key, value in var.config : key => value if !contains(["secret", "replace_on"], key) },
    { id = terraform_data.this.id },
  )
}
output "secret" {
  value     = try(sensitive(var.config.secret), null)
  sensitive = true
}
"""


@dataclass(frozen=True)
class System:
    """A root of modules and a Terraform that runs them."""

    root: Path
    modules: ModuleDirectory
    terraform: TerraformRunner

    def write(self, name: str, text: str) -> None:
        """Write a file below the modules' directory."""
        path = self.root / "components" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def job(self, address: str, destroy: bool = False, **variables: Any) -> TerraformJob:
        """A job with exactly these variables."""
        module = self.modules.module(address.split("/", maxsplit=1)[0])
        assert module is not None
        return TerraformJob(address=address, module=module, variables=variables, destroy=destroy)


def engines_of(wanted: str, cache: Path, environment: dict[str, str]) -> Engines:
    """The engines of a project that names this program."""
    cache.mkdir(parents=True, exist_ok=True)
    wish = Wish("[terraform]", EngineChoice(binary=wanted))
    return Engines([wish], cache=cache, processes=Processes(), environment=environment)


def make_system(
    root: Path,
    wanted: str = "terraform",
    *,
    environment: dict[str, str] | None = None,
    grace_seconds: int = 5,
    seconds: Seconds = USUAL,
    say: Say = say_nothing,
    allowed_sources: Sequence[str] = (),
) -> System:
    """A system below root, on the wanted program, with the given environment instead of this process's."""
    given = os.environ if environment is None else environment
    (root / "components").mkdir(parents=True, exist_ok=True)
    modules = ModuleDirectory(
        root / "components", archive=root / "archive", cache=root / "modules", allowed_sources=allowed_sources
    )
    terraform = TerraformRunner(
        engines_of(wanted, root / "terraform" / "cache", child_environment.allowed(given)),
        modules=modules,
        backend=LocalBackend(root / "state"),
        directories=Directories.below(root / "terraform"),
        environment=child_environment.allowed(given),
        for_init=child_environment.fetching(given),
        processes=Processes(grace_seconds=grace_seconds),
        seconds=seconds,
        say=say,
    )
    system = System(root, modules, terraform)
    system.write("box/main.tf", BOX)
    return system
