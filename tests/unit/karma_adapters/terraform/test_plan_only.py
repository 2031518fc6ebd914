"""The plan-only copy of a module: rewritten token by token, with unknowns that stay unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import plan_only
from karma_adapters.terraform.plan_only import LOCAL, expression, planned_file, rewrite
from karma_core import hcl
from karma_core.records import Module, TerraformJob

U = "jsondecode(terraform_data.karma_unknown_until_apply.id)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = var.dependencies", f"x = local.{LOCAL}"),
        ('x = var.dependencies["vpc/core"].vpc_id', f'x = local.{LOCAL}["vpc/core"].vpc_id'),
        ('x = "a ${var.dependencies["a/b"].c} b"', f'x = "a ${{local.{LOCAL}["a/b"].c}} b"'),
        ("x = [for k, v in var.dependencies : k]", f"x = [for k, v in local.{LOCAL} : k]"),
        ("x = try(var . dependencies, {})", f"x = try(local.{LOCAL}, {{}})"),
        ("x = var.dependencies_of_mine", "x = var.dependencies_of_mine"),
        ('x = "var.dependencies"', 'x = "var.dependencies"'),
        ("# var.dependencies\nx = 1", "# var.dependencies\nx = 1"),
        ("x = local.var.dependencies", "x = local.var.dependencies"),
    ],
)
def test_only_references_to_the_variable_are_replaced(before: str, after: str) -> None:
    """Strings, comments and longer names stay; references inside templates and loops do not."""
    wrapped = "locals {\n  %s\n}\n"
    document = hcl.parse((wrapped % before).encode(), "main.tf")
    assert rewrite(document) == wrapped % after


@pytest.mark.parametrize(
    ("value", "marks", "expected"),
    [
        ({"id": None, "cidr": "10.0.0.0/8"}, {"id": True}, f'{{ "cidr" = "10.0.0.0/8", "id" = {U} }}'),
        ({}, {"id": True}, f'{{ "id" = {U} }}'),
        ({"a": 1}, True, U),
        ({"l": [None, "b"]}, {"l": [True, False]}, f'{{ "l" = [{U}, "b"] }}'),
        ({"l": [1, 2]}, {"l": [True]}, f'{{ "l" = [{U}, 2] }}'),
        ({"t": True, "n": None, "f": 1.5}, None, '{ "f" = 1.5, "n" = null, "t" = true }'),
        ('${file("/etc/passwd")} %{if}', None, '"$${file(\\"/etc/passwd\\")} %%{if}"'),
        ("\b\f\n", None, '"\\u0008\\u000c\\n"'),
    ],
)
def test_values_are_literal_and_marked_parts_unknown(value: Any, marks: Any, expected: str) -> None:
    """Known parts keep their value, whatever it looks like; each marked part is an unknown of its own."""
    assert expression(value, marks) == expected


def test_the_file_defines_placeholder_and_local() -> None:
    """The copy gets one resource and its locals."""
    text = planned_file(["a = 1", "b = 2"])
    assert (
        text == 'resource "terraform_data" "karma_unknown_until_apply" {}\n\nlocals {\n  a = 1\n  b = 2\n}\n'
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            'Error: Invalid count argument\n\n  on main.tf line 9, in resource "terraform_data" "b":\n',
            "the count of terraform_data.b (main.tf:9) is unknown until apply",
        ),
        (
            '│ Error: Invalid for_each argument\n│\n│   on n.tf line 3, in module "child":\n',
            "the for_each of child (n.tf:3) is unknown until apply",
        ),
        (
            "╷\n│ Error: Unsupported attribute\n│ no such attribute",
            "it cannot be planned before its inputs are known (Error: Unsupported attribute)",
        ),
    ],
)
def test_the_reason_of_a_deferral_names_its_place(error: str, why: str) -> None:
    """A person reads which resource waits for what."""
    assert plan_only.why_deferred(error) == why


def test_the_placeholder_is_not_shown() -> None:
    """Neither its block nor its count is in the readable plan."""
    text = (
        "Terraform will perform the following actions:\n\n"
        "  # terraform_data.a will be created\n  + resource {\n    }\n\n"
        "  # terraform_data.karma_unknown_until_apply will be created\n"
        '  + resource "terraform_data" "karma_unknown_until_apply" {\n'
        "      + id = (known after apply)\n    }\n\n"
        "Plan: 2 to add, 0 to change, 0 to destroy.\n"
    )
    shown = plan_only.without_ours(text)
    assert "karma_unknown" not in shown
    assert "Plan: 1 to add" in shown
    assert "terraform_data.a" in shown


@pytest.mark.parametrize("marked", [False, True])
def test_the_mark_of_the_variable_is_kept(tmp_path: Path, marked: bool) -> None:
    """A module whose `dependencies` are sensitive is planned with a sensitive local in their place."""
    source = tmp_path / "tree" / "box"
    source.mkdir(parents=True)
    (source / "main.tf").write_text('output "x" {\n  value = var.dependencies["a/one"].id\n}\n')
    names = ("dependencies",) if marked else ()
    module = Module(
        type="box", digest="d", path="p", variables=("dependencies",), sensitive_variables=names, outputs=()
    )
    variables = {"dependencies": {"a/one": {"id": "1"}}}
    job = TerraformJob(address="box/one", module=module, variables=variables, unknown={"a/one": {"x": True}})
    copied = plan_only.copy_module(source, tmp_path / "copy", job)
    assert (f"{plan_only.LOCAL} = sensitive(" in (copied / plan_only.FILE).read_text()) is marked
