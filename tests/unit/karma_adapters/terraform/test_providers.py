"""Whether providers can be had is seen by an init of what the modules require."""

from __future__ import annotations

import os
from pathlib import Path

from karma_adapters.processes.children import Processes
from karma_adapters.processes.environment import allowed
from karma_adapters.terraform import binary, providers

REQUIRES = 'terraform {{\n  required_providers {{\n    {} = {{\n      source = "{}"\n    }}\n  }}\n}}\n'


def components(root: Path, **sources: str) -> Path:
    """Modules by type, each with one provider, and one that requires none."""
    for component_type, source in {**sources, "plain": ""}.items():
        folder = root / component_type
        folder.mkdir()
        text = REQUIRES.format(source.rpartition("/")[2], source) if source else 'output "a" { value = 1 }\n'
        (folder / "main.tf").write_text(text, "utf-8")
    return root


def test_types_that_require_the_same_are_checked_once(tmp_path: Path) -> None:
    """One init for each set of requirements; files that cannot be parsed are the graph's to report."""
    checked = components(
        tmp_path, a="example.invalid/x/one", b="example.invalid/x/one", c="example.invalid/x/two"
    )
    (checked / "c" / "broken.tf").write_text("terraform {", "utf-8")
    assert list(providers.requirements(checked).values()) == [["a", "b"], ["c"]]


def test_a_provider_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    """With Terraform's own reason and what to do."""
    wanted = next(iter(providers.requirements(components(tmp_path, a="registry.invalid/x/one"))))
    check = providers.check(binary.find(), wanted, Processes(), allowed(os.environ))
    assert check.status == "failed"
    assert "registry.invalid/x/one" in check.found
    assert "TF_CLI_CONFIG_FILE" in check.next_step
