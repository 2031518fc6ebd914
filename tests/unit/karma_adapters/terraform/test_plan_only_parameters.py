"""Parameters in a plan-only copy: what is read comes from the plan, what is written is told by an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import plan_only
from karma_adapters.terraform import plan_only_parameters as parameters
from karma_adapters.terraform.plan_only_variables import MODULE
from karma_core import hcl
from karma_core.errors import PlanDeferred
from karma_core.records import Module, PlannedRuntime, TerraformJob

DATA = 'data "aws_ssm_parameter" "vpc" {\n  name = var.name\n}\n'
NAME = (
    'try(nonsensitive(replace(%s, "/^arn:[a-z-]*:ssm:[a-z0-9-]*:[0-9]*:parameter/", "")), '
    'replace(%s, "/^arn:[a-z-]*:ssm:[a-z0-9-]*:[0-9]*:parameter/", ""))'
)


def parse(text: str) -> hcl.Document:
    """A file."""
    return hcl.parse(text.encode(), "main.tf")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("jsondecode(data.aws_ssm_parameter.vpc.value).id", "(local.karma_parameter_vpc.karma_decoded).id"),
        (
            'jsondecode(nonsensitive(data.aws_ssm_parameter.vpc["a"].value))["x"]',
            '(nonsensitive(local.karma_parameter_vpc["a"].karma_decoded))["x"]',
        ),
        (
            "{ for k, d in data.aws_ssm_parameter.vpc : k => jsondecode(d.insecure_value) }",
            "{ for k, d in local.karma_parameter_vpc : k => (d.karma_decoded) }",
        ),
        ("[for d in other : jsondecode(d.value)]", "[for d in other : jsondecode(d.value)]"),
        ("data.aws_ssm_parameter.vpc.value", "local.karma_parameter_vpc.value"),
        ("data.aws_ssm_parameter.vpc[*].name", "local.karma_parameter_vpc[*].name"),
        ("jsondecode(var.text)", "jsondecode(var.text)"),
        ("data.aws_vpc.this.value", "data.aws_vpc.this.value"),
    ],
)
def test_what_was_read_is_replaced_where_it_is_used(before: str, after: str) -> None:
    """Decoding goes with the text that it decodes; other data sources stay."""
    wrapped = "locals {\n  x = %s\n}\n"
    assert plan_only.rewrite(parse(wrapped % before)) == wrapped % after


def test_a_data_source_on_one_line_stays_terraforms_language() -> None:
    """A block of one line holds one argument: with ours it has lines of its own."""
    text = plan_only.rewrite(parse('data "aws_ssm_parameter" "vpc" { name = var.name }\n'))
    [block] = hcl.parse(text.encode(), "main.tf").body.of_type("data")
    assert set(block.attributes) == {"for_each", "name"}


def test_a_data_source_reads_only_what_the_plan_does_not_say() -> None:
    """It becomes one of instances; dependencies between blocks stay as they are."""
    text = plan_only.rewrite(parse(DATA + "resource x y {\n  depends_on = [data.aws_ssm_parameter.vpc]\n}\n"))
    assert "depends_on = [data.aws_ssm_parameter.vpc]" in text
    name = NAME % ("var.name", "var.name")
    others = f"if !contains(keys(local.karma_planned_parameters), {name})"
    assert others in text
    (definition,) = parameters.locals_of(parse(DATA))
    assert definition.startswith('karma_parameter_vpc = one([for karma_key, karma_value in { "0" = 0 } : ')


def test_instances_keep_their_names() -> None:
    """each.key and each.value become those of the loop, count.index its number."""
    name = '"/iac/${each.key}/${each.value.x}"'
    each = f'data "aws_ssm_parameter" "a" {{\n  for_each = local.all\n  name = {name}\n}}\n'
    (reading,) = parameters.locals_of(parse(each))
    assert reading.startswith("karma_parameter_a = { for karma_key, karma_value in local.all : karma_key => ")
    assert NAME % (('"/iac/${karma_key}/${karma_value.x}"',) * 2) in reading
    assert f"  name = {name}" in plan_only.rewrite(parse(each))

    counted = 'data "aws_ssm_parameter" "a" {\n  count = var.n\n  name = "/iac/${count.index}"\n}\n'
    (reading,) = parameters.locals_of(parse(counted))
    assert reading.startswith("karma_parameter_a = [for karma_value in range(var.n) : ")
    assert "if karma_at == tostring(karma_value)" in reading
    rewritten = plan_only.rewrite(parse(counted))
    assert '  name = "/iac/${each.value}"' in rewritten
    assert "count = " not in rewritten


def test_what_a_module_writes_is_told_part_by_part() -> None:
    """The argument of jsonencode, with its instances; a value that is made otherwise is not told."""
    text = (
        'resource "aws_ssm_parameter" "r" {\n  for_each = var.all\n  name = "/iac/x/${each.key}/runtime"\n'
        "  value = jsonencode({ id = y.z[each.key].id, "
        "vpc = jsondecode(data.aws_ssm_parameter.vpc.value) })\n}\n"
        'resource "aws_ssm_parameter" "other" {\n  name = "n"\n  value = local.text\n}\n'
    )
    (output,) = parameters.outputs_of(parse(text))
    assert output == (
        'output "karma_written_r" {\n  value     = [for karma_key, karma_value in var.all : '
        '{ name = "/iac/x/${karma_key}/runtime", value = { id = y.z[karma_key].id, '
        "vpc = (local.karma_parameter_vpc.karma_decoded) } }]\n  sensitive = true\n}"
    )


def test_what_the_outputs_say_is_read() -> None:
    """Known and unknown parts; a name that is not known, or an output of the module's own, is left out."""
    after = [{"name": "/iac/a/b/runtime", "value": {"cidr": "x"}}, {"value": {"y": 1}}]
    changes: dict[str, Any] = {
        "karma_written_r": {"after": after, "after_unknown": [{"value": {"id": True}}, {"name": True}]},
        "karma_written_s": {"after": [{"name": "n", "value": {"a": 1}}], "after_unknown": False},
        "runtime": {"after": {"a": 1}},
    }
    assert parameters.written(changes) == {
        "/iac/a/b/runtime": PlannedRuntime(known={"cidr": "x"}, unknown={"id": True}),
        "n": PlannedRuntime(known={"a": 1}),
    }


def _job(**fields: Any) -> TerraformJob:
    module = Module(type="app", digest="d", path="p", variables=("dependencies",), outputs=())
    return TerraformJob(address="app/web", module=module, variables={}, **fields)


def test_child_modules_are_rewritten_where_they_read(tmp_path: Path) -> None:
    """Each module that reads has its own locals; another is left as it is, its variables are its own."""
    for name, text in {
        "app/main.tf": 'variable "dependencies" {}\nlocals {\n  x = var.dependencies\n}\n',
        "app/inner/main.tf": DATA + "locals {\n  x = var.dependencies\n}\n",
        "shared/main.tf": "locals {\n  x = var.dependencies\n}\n",
    }.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    planned = {"/iac/vpc/core/runtime": PlannedRuntime(known={"cidr": "x"}, unknown={"id": True})}
    job = _job(parameters=planned, unknown={"dependencies": {"a/b": True}})
    copied = plan_only.copy_module(tmp_path / "tree/app", tmp_path / "copy", job)
    assert f"module.{MODULE}.dependencies" in (copied / "main.tf").read_text()
    inner = copied / "inner"
    assert "x = var.dependencies" in (inner / "main.tf").read_text()
    assert "karma_parameter_vpc = " in (inner / plan_only.FILE).read_text()
    assert not (tmp_path / "copy/shared" / plan_only.FILE).exists()


def test_a_module_that_reads_parameters_in_json_syntax_is_deferred(tmp_path: Path) -> None:
    """What cannot be rewritten is never planned with values that are made up."""
    (tmp_path / "tree/app").mkdir(parents=True)
    unknown = {"dependencies": {"a/b": True}}
    (tmp_path / "tree/app/variables.tf").write_text('variable "dependencies" {}\n')
    (tmp_path / "tree/app/main.tf.json").write_text('{"data": {"aws_ssm_parameter": {"x": {"name": "/a"}}}}')
    with pytest.raises(PlanDeferred):
        plan_only.copy_module(tmp_path / "tree/app", tmp_path / "copy", _job(unknown=unknown))
    (tmp_path / "tree/app/main.tf.json").write_text('{"locals": {"x": 1}}')
    plan_only.copy_module(tmp_path / "tree/app", tmp_path / "other", _job(unknown=unknown))


def test_ours_is_not_shown_and_not_counted() -> None:
    """Placeholders in any module, our outputs; what remains may be no change at all."""
    document = {
        "resource_changes": [
            {"address": f"module.x[0].{plan_only.RESOURCE}", "change": {"actions": ["create"]}},
            {"address": "terraform_data.a", "change": {"actions": ["no-op"]}},
        ],
        "output_changes": {"karma_written_r": {"actions": ["create"], "after": []}},
    }
    kept, written = plan_only.real(document)
    assert [one["address"] for one in kept["resource_changes"]] == ["terraform_data.a"]
    assert (kept["output_changes"], written) == ({}, {})
    assert not plan_only.changes(kept)
    text = "Plan: 1 to add\n\nChanges to Outputs:\n  + karma_written_r = (sensitive value)\n\nrest\n"
    assert plan_only.without_ours(text) == "Plan: 1 to add\n\n\nrest\n"
