"""What modules have fetched, and whether it can be had, as an init of one of them shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karma_adapters.modules.directory import ModuleDirectory
from karma_adapters.processes.children import Processes
from karma_adapters.processes.environment import allowed
from karma_adapters.terraform import binary, providers
from karma_adapters.terraform.requirements import requirements

REQUIRES = 'terraform {{\n  required_providers {{\n    {} = {{\n      source = "{}"\n    }}\n  }}\n}}\n'


def modules(root: Path, **texts: str) -> ModuleDirectory:
    """Modules by type; `a__b` is the file b of the type a."""
    for name, text in texts.items():
        component_type, _, file = name.partition("__")
        folder = root / "components" / component_type
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (file.replace("_", ".") or "main.tf")).write_text(text, "utf-8")
    return ModuleDirectory(
        root / "components", archive=root / "archive", cache=root / "cache", allowed_sources=["*"]
    )


def requires(source: str) -> str:
    """A block that requires one provider."""
    return REQUIRES.format(source.rpartition("/")[2], source)


def test_types_that_require_the_same_are_checked_once(tmp_path: Path) -> None:
    """One init for each set of requirements; modules that cannot be parsed are the graph's to report."""
    known = modules(
        tmp_path,
        a=requires("example.invalid/x/one"),
        b=requires("example.invalid/x/one"),
        c=requires("example.invalid/x/two"),
        plain='output "a" { value = 1 }',
        broken="terraform {",
    )
    assert list(requirements(known).values()) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('resource "aws_vpc" "a" {}', ("aws",)),
        ('data "google_project" "a" {}\nresource "terraform_data" "b" {}', ("google",)),
        ('resource "aws_vpc" "a" {\n  provider = west.two\n}', ("west",)),
        ('provider "tls" {}', ("tls",)),
        ('ephemeral "random_password" "a" {}', ("random",)),
        (f'{requires("x/aws")}resource "aws_vpc" "a" {{}}', ('aws = {\n      source = "x/aws"\n    }',)),
        ('module "a" {\n  source = "x/y/aws"\n  version = "~> 1.0"\n}', ("source x/y/aws ~> 1.0",)),
        ('resource "terraform_data" "a" {}', ()),
    ],
)
def test_what_a_module_has_fetched(tmp_path: Path, text: str, wanted: tuple[str, ...]) -> None:
    """Providers by the types of resources too, where none is required by name; sources that lie elsewhere."""
    assert list(requirements(modules(tmp_path, a=text))) == ([wanted] if wanted else [])


def test_child_modules_and_json_count(tmp_path: Path) -> None:
    """Of a child module beside the type, and in JSON syntax."""
    known = modules(
        tmp_path,
        a='module "net" {\n  source = "../shared"\n}',
        shared__more_tf_json='{"resource": {"aws_vpc": {"a": {}}}, "module": {"m": {"source": "x/y/z"}}}',
    )
    assert list(requirements(known)) == [("aws", "source x/y/z")]


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    """With Terraform's own reason and what to do, also where no provider is required by name."""
    known = modules(tmp_path, a='module "m" {\n  source = "registry.invalid/x/one/y"\n}')
    [wanted] = requirements(known)
    module = known.module("a")
    assert module is not None
    archived = known.archived(known.archive(module), "a")
    assert archived is not None
    check = providers.check(
        binary.find(), wanted, Path(archived.path).absolute(), Processes(), allowed(os.environ)
    )
    assert check.status == "failed"
    assert "registry.invalid" in check.found
    assert "TF_CLI_CONFIG_FILE" in check.next_step
