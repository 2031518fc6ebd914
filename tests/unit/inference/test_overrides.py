"""Override files and OpenTofu's files: what a module reads is what its engine would evaluate."""

from __future__ import annotations

import json

import pytest

from karma_core.configuration import Engine
from tests.module_reading import keys, read


def _resource(body: str) -> str:
    return f'resource "terraform_data" "x" {{\n{body}\n}}\n'


def _read_of(name: str) -> str:
    return f'var.dependencies["{name}"].id'


A, B, C = (_read_of(f"vpc/{name}") for name in "abc")

CASES = {
    "an argument replaces one": (
        {"main.tf": _resource(f"input = {A}"), "override.tf": _resource(f"input = {B}")},
        {"vpc/b"},
    ),
    "the others stay": (
        {
            "main.tf": _resource(f"input = {A}\ntriggers_replace = {C}"),
            "x_override.tf": _resource(f"input = {B}"),
        },
        {"vpc/b", "vpc/c"},
    ),
    "the last file wins, whatever comes before it": (
        {
            "zz.tf": _resource(f"input = {A}"),
            "a_override.tf": _resource(f"input = {B}"),
            "zzz_override.tf": _resource(f"input = {C}"),
        },
        {"vpc/c"},
    ),
    "nested blocks replace all of their type": (
        {
            "main.tf": _resource(f"ingress {{\n  x = {A}\n}}\ningress {{\n  x = {B}\n}}"),
            "override.tf": _resource(f"ingress {{\n  x = {C}\n}}"),
        },
        {"vpc/c"},
    ),
    "a dynamic block counts as what it makes": (
        {
            "main.tf": _resource(f"ingress {{\n  x = {A}\n}}"),
            "override.tf": _resource(
                f'dynamic "ingress" {{\n  for_each = [1]\n  content {{\n    x = {B}\n  }}\n}}'
            ),
        },
        {"vpc/b"},
    ),
    "lifecycle is merged": (
        {
            "main.tf": _resource(f"lifecycle {{\n  precondition {{\n  condition = {A}\n}}\n}}"),
            "override.tf": _resource("lifecycle {\n  create_before_destroy = true\n}"),
        },
        {"vpc/a"},
    ),
    "locals one by one": (
        {
            "main.tf": f"locals {{\n  a = {A}\n  b = {B}\n}}\n" + _resource("input = [local.a, local.b]"),
            "override.tf": f"locals {{\n  b = {C}\n}}\n",
        },
        {"vpc/a", "vpc/c"},
    ),
    "JSON syntax, too": (
        {
            "main.tf": _resource(f"input = {A}"),
            "override.tf.json": json.dumps({"resource": {"terraform_data": {"x": {"input": f"${{{B}}}"}}}}),
        },
        {"vpc/b"},
    ),
    "count takes the place of for_each": (
        {
            "main.tf": _resource(f"for_each = {{ a = 1 }}\ninput = {A}"),
            "override.tf": _resource("count = 0"),
        },
        set(),
    ),
}


@pytest.mark.parametrize(("files", "reads"), CASES.values(), ids=list(CASES))
def test_override_files_are_merged_as_terraform_merges_them(files: dict[str, str], reads: set[str]) -> None:
    """Terraform's documentation, Override Files."""
    assert keys(read(files)).keys() == reads


def test_opentofus_files_count_under_opentofu_alone() -> None:
    """`main.tofu` stands for `main.tf`; Terraform does not see it."""
    files = {"main.tf": _resource(f"input = {A}"), "main.tofu": _resource(f"input = {B}")}
    assert keys(read(files, engine=Engine.OPENTOFU)).keys() == {"vpc/b"}
    assert keys(read(files)).keys() == {"vpc/a"}
