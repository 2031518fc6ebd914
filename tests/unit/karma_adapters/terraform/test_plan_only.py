"""The plan-only copy of a module: rewritten token by token, with unknowns that stay unknown."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import plan_only
from karma_adapters.terraform.plan_only import expression, planned_file, rewrite
from karma_adapters.terraform.plan_only_variables import MODULE, PlannedInputs
from karma_core import hcl
from karma_core.errors import PlanDeferred
from karma_core.exact_numbers import dumps
from karma_core.records import Module, TerraformJob

U = "jsondecode(terraform_data.karma_unknown_until_apply.id)"
NEW = f"module.{MODULE}.dependencies"
DECLARED = 'variable "dependencies" {}\n'


def job(unknown: dict[str, Any], *names: str, **facts: Any) -> TerraformJob:
    """A job of a module with these variables."""
    module = Module(type="box", digest="d", path="p", variables=names, outputs=(), **facts)
    return TerraformJob(address="box/one", module=module, variables={}, unknown=unknown)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = var.dependencies", f"x = {NEW}"),
        ('x = var.dependencies["vpc/core"].vpc_id', f'x = {NEW}["vpc/core"].vpc_id'),
        ('x = "a ${var.dependencies["a/b"].c} b"', f'x = "a ${{{NEW}["a/b"].c}} b"'),
        ("x = [for k, v in var.dependencies : k]", f"x = [for k, v in {NEW} : k]"),
        ("x = try(var . dependencies, {})", f"x = try({NEW}, {{}})"),
        ('x = 1 + var.dependencies["a/b"].n * 2', f'x = 1 + {NEW}["a/b"].n * 2'),
        ('x = true ? 1 : var.dependencies["a/b"]', f'x = true ? 1 : {NEW}["a/b"]'),
        ("x = !var.dependencies", f"x = !{NEW}"),
        ("x = var.dependencies_of_mine", "x = var.dependencies_of_mine"),
        ('x = "var.dependencies"', 'x = "var.dependencies"'),
        ("# var.dependencies\nx = 1", "# var.dependencies\nx = 1"),
        ("x = local.var.dependencies", "x = local.var.dependencies"),
    ],
)
def test_only_references_to_the_variable_are_replaced(before: str, after: str) -> None:
    """Strings, comments and longer names stay; references inside templates and loops do not."""
    wrapped = "locals {\n  %s\n}\n"
    document = hcl.parse((DECLARED + wrapped % before).encode(), "main.tf")
    inputs = PlannedInputs([document], job({"dependencies": {"a/b": True}}, "dependencies"))
    assert rewrite(document, inputs) == "\n" + wrapped % after


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
        ("shop 🚀 größe \\b \\\\f", None, '"shop 🚀 größe \\\\b \\\\\\\\f"'),
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
        (
            "Error: Unsupported attribute\n\n  on main.tf line 2, in output:\n",
            "it cannot be planned before its inputs are known (Error: Unsupported attribute, main.tf:2)",
        ),
        (
            f"Error: Invalid value\n\n  on {plan_only.FILE} line 2, in module:\n",
            "it cannot be planned before its inputs are known (Error: Invalid value)",
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


MARKED = """
variable "vpc" {
  type      = string
  sensitive = true
  validation {
    condition     = startswith(var.vpc, var.prefix) && !contains(local.refused, var.vpc)
    error_message = "not ${var.vpc}"
  }
  validation {
    condition     = length(var.vpc) > var.least
    error_message = "too short"
  }
}
variable "least" {
  type    = number
  default = 1
  validation {
    condition     = var.least > 0
    error_message = "no number"
  }
}
variable "prefix" {}
locals { refused = [] }
resource "terraform_data" "x" { input = var.vpc }
"""


def copied(tmp_path: Path, files: dict[str, str], made: TerraformJob) -> Path:
    """The copy of a module with these files."""
    source = tmp_path / "tree" / "box"
    source.mkdir(parents=True)
    for name, text in files.items():
        (source / name).write_text(text)
    return plan_only.copy_module(source, tmp_path / "copy", made)


def test_a_variable_with_unknown_parts_moves_into_a_child_module(tmp_path: Path) -> None:
    """With its type, marks and validations; what those refer to besides goes with it, or stays outside."""
    marks = {"sensitive_variables": ("vpc",), "ephemeral_variables": ("vpc",)}
    made = job({"vpc": True}, "vpc", "least", "prefix", **marks)
    copy = copied(tmp_path, {"main.tf": MARKED}, made)
    child, root = (copy / MODULE / "main.tf").read_text(), (copy / "main.tf").read_text()
    ours = (copy / plan_only.FILE).read_text()
    assert ('variable "vpc"' in child, 'variable "vpc"' in root) == (True, False)
    assert ("length(var.vpc) > var.least" in child, "local.refused" in child) == (True, False)
    assert "  sensitive = true\n  ephemeral = true\n}" in child
    assert ('variable "least"' in child, "no number" in child) == (True, False)
    assert 'variable "prefix"' not in child
    assert f"input = module.{MODULE}.vpc" in root
    assert f"vpc = {U}\n  least = var.least\n" in ours
    assert f"condition = startswith(module.{MODULE}.vpc, var.prefix) && !contains(local.refused" in ours


def test_every_copy_has_the_child_module(tmp_path: Path) -> None:
    """Copies of one module are initialised once, whatever is unknown in each."""
    copy = copied(tmp_path, {"main.tf": DECLARED}, job({}))
    assert (copy / MODULE / "main.tf").read_text() == "\n"
    assert f'module "{MODULE}"' in (copy / plan_only.FILE).read_text()


def test_overrides_of_a_variable_move_with_it(tmp_path: Path) -> None:
    """In a file of the same name, so that they stay what they are."""
    override = 'variable "dependencies" {\n  default = {}\n}\n'
    made = job({"dependencies": {"a/b": True}}, "dependencies")
    copy = copied(tmp_path, {"main.tf": DECLARED, "my_override.tf": override}, made)
    assert "default" in (copy / MODULE / "my_override.tf").read_text()
    assert (copy / "my_override.tf").read_text() == "\n"


DIGITS = "12345678901234567890.5"
IN_JSON: dict[str, Any] = {
    "variable": {
        "vpc": {
            "type": "string",
            "default": "${as it is}",
            "validation": {"condition": "${var.vpc != var.other}", "error_message": "not ${var.vpc}"},
        },
        "other": {"validation": [{"condition": "${var.vpc != 1}", "error_message": "x"}]},
        "third": {},
    },
    "locals": {"a": '${var.vpc}-var.vpc-${"${var.vpc}"}', "${var.vpc}": [{"n": Decimal(DIGITS)}]},
}


def test_variables_and_uses_in_json_syntax_are_rewritten(tmp_path: Path) -> None:
    """As in native syntax: the block moves, with those that its validations name, and templates change."""
    text = dumps(IN_JSON)
    made = job({"vpc": True}, "vpc", "other", "third")
    copy = copied(tmp_path, {"main.tf.json": text, "more.tf": 'output "x" {\n  value = var.vpc\n}\n'}, made)
    moved = json.loads((copy / MODULE / "main.tf.json").read_text())
    assert moved == {"variable": [{"vpc": [IN_JSON["variable"]["vpc"]]}, {"other": [{}]}]}
    root = (copy / "main.tf.json").read_text()
    new = f"${{module.{MODULE}.vpc}}"
    assert json.loads(root)["locals"].keys() == {"a", new}
    assert json.loads(root)["locals"]["a"] == f'{new}-var.vpc-${{"{new}"}}'
    assert f'"n": {DIGITS}' in root
    stays = {"condition": f"${{module.{MODULE}.vpc != 1}}", "error_message": "x"}
    assert json.loads(root)["variable"] == [{"other": [{"validation": [stays]}]}, {"third": [{}]}]
    assert f"module.{MODULE}.vpc" in (copy / "more.tf").read_text()
    assert "  other = var.other\n" in (copy / plan_only.FILE).read_text()


@pytest.mark.parametrize(
    "text",
    [
        '{"variable": {"vpc": {"validation": {"condition": "${var.vpc != local.x}"}}}}',
        '{"variable": {"vpc": {}}, "variable": {"vpc": {}}}',
    ],
)
def test_what_cannot_be_moved_in_json_syntax_waits_until_it_is_known(tmp_path: Path, text: str) -> None:
    """A validation that refers to more than variables, or a file that readers take for different things."""
    with pytest.raises(PlanDeferred):
        copied(tmp_path, {"main.tf.json": text}, job({"vpc": True}, "vpc"))
