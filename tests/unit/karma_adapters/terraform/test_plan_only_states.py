"""Remote states in a plan-only copy: uses and instances by the plan, values in their types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import plan_only, plan_only_states
from karma_adapters.terraform.plan_only import expression
from karma_core import hcl
from karma_core.errors import PlanDeferred
from karma_core.records import Module, PlannedRuntime, PlannedState, TerraformJob
from karma_core.state_places import NamedState

U = "jsondecode(terraform_data.karma_unknown_until_apply.id)"
DATA = 'data "terraform_remote_state" "net" {\n  backend = "local"\n  config = { path = var.path }\n}\n'
PLANNED = PlannedState(named=NamedState("local", (("path", "/s/x"),)), outputs=PlannedRuntime(known={"a": 1}))


def rewritten(text: str) -> str:
    """A file where a state is planned."""
    return plan_only.rewrite(hcl.parse(text.encode(), "main.tf"), planned_states=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("data.terraform_remote_state.net.outputs.id", "local.karma_state_net.outputs.id"),
        ('data.terraform_remote_state.net["a"].outputs["id"]', 'local.karma_state_net["a"].outputs["id"]'),
        (
            "try(data.terraform_remote_state.net[*].outputs.id, [])",
            "try(local.karma_state_net[*].outputs.id, [])",
        ),
        (
            "[for s in data.terraform_remote_state.net : s.outputs]",
            "[for s in local.karma_state_net : s.outputs]",
        ),
        ("data.terraform_remote_state_of.net.outputs", "data.terraform_remote_state_of.net.outputs"),
    ],
)
def test_every_use_is_one_of_the_plan(before: str, after: str) -> None:
    """Where a state is planned, and only there: other jobs' copies are as they were."""
    wrapped = "locals {\n  x = %s\n}\n"
    assert rewritten(wrapped % before) == wrapped % after
    assert plan_only.rewrite(hcl.parse((wrapped % before).encode(), "main.tf")) == wrapped % before


@pytest.mark.parametrize("kind", ["terraform_remote_state", "aws_ssm_parameter"])
def test_a_check_with_a_data_source_of_its_own_is_left_out(kind: str) -> None:
    """Its uses would be of a local that nothing defines; the check is evaluated after the apply."""
    read = f'data "{kind}" "own" {{ name = "/x" }}'
    check = f'check "c" {{\n  {read}\n  assert {{ condition = data.{kind}.own.id != "" }}\n}}'
    assert rewritten(f'{check}\noutput "o" {{ value = 1 }}\n') == '\noutput "o" { value = 1 }\n'


@pytest.mark.parametrize(
    "block",
    [
        DATA,
        DATA.replace("var.path", 'data.terraform_remote_state.other["a"].outputs.path'),
        'data "terraform_remote_state" "net" { backend = "local" }\n',
        DATA.replace('"local"', '"local" # here\n  count = 2'),
        DATA.replace("  config", "  for_each = toset(var.all)\n  defaults = { a = each.key }\n  config"),
    ],
)
def test_what_is_made_is_terraforms_language(block: str) -> None:
    """Whatever stands in the block: one data source by for_each, and one local."""
    text = rewritten(block)
    [made] = hcl.parse(text.encode(), "main.tf").body.of_type("data")
    assert "for_each" in made.attributes
    assert "count" not in made.attributes
    [local] = plan_only_states.locals_of(hcl.parse(block.encode(), "main.tf"))
    hcl.parse(f"locals {{\n  {local}\n}}\n".encode(), "zz.tf")


@pytest.mark.parametrize(
    ("value", "of_type", "expected"),
    [
        (["b", "a"], ["set", "string"], 'toset(["b", "a"])'),
        ([["a"]], ["list", ["set", "string"]], 'tolist([toset(["a"])])'),
        ({"k": [1]}, ["map", ["list", "number"]], 'tomap({ "k" = tolist([1]) })'),
        (
            {"k": [1], "n": None},
            ["object", {"k": ["tuple", ["number"]], "n": ["list", "string"]}],
            '({ "k" = ([1]), "n" = null })',
        ),
        ("${x}", "string", '"$${x}"'),
        ([1], None, "[1]"),
    ],
)
def test_known_outputs_have_their_types(value: Any, of_type: Any, expected: str) -> None:
    """A set stays one: `for_each` takes no tuple."""
    assert plan_only_states.typed(value, of_type, expression) == expected


def test_the_planned_states_are_known_by_what_names_them() -> None:
    """Backend, identifying arguments in one order, workspace; an unknown output is one of any type."""
    outputs = PlannedRuntime(
        known={"a": "x", "s": ["b"]}, unknown={"id": True}, types={"s": ["set", "string"]}
    )
    named = NamedState("s3", (("bucket", "b"), ("key", "${k}")), "dev")
    text = plan_only_states.planned_local([PlannedState(named=named, outputs=outputs)], expression)
    assert '(jsonencode(["s3", [null, "b", null, "$${k}", null, null, null, null, null], "dev"]))' in text
    assert f'= {{ "a" = "x", "id" = {U}, "s" = toset(["b"]) }}' in text
    whole = PlannedState(named=named, outputs=PlannedRuntime(unknown=True))
    assert plan_only_states.planned_local([whole], expression).endswith(f"= {U}\n  }}")


def test_a_file_in_json_that_reads_a_planned_state_waits(tmp_path: Path) -> None:
    """It is not rewritten; the component is deferred."""
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "main.tf.json").write_text('{"data": {"terraform_remote_state": {"x": {}}}}')
    module = Module(type="box", digest="d", path="p", variables=(), outputs=())
    job = TerraformJob(address="box/one", module=module, variables={}, states=(PLANNED,))
    with pytest.raises(PlanDeferred):
        plan_only.copy_module(tmp_path / "box", tmp_path / "copy", job)
