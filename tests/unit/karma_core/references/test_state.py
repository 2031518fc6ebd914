"""Remote states that a module reads, in a build: edges, consumed outputs, and what is not followed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core.graph.values import check_consumed_keys
from karma_core.inference.read import read_module
from karma_core.model import Kind
from karma_core.references.base import Context, ModuleInputs, Reference
from karma_core.references.resolvers import find_all, prepare
from karma_core.state_places import StateFolder
from karma_core.use_cases.fleet.values import consumed_by, read_by_state
from tests.unit.graph.environments import applied, built, parameters
from tests.unit.karma_core.references.building import codes, edges

CONFIGS = {"app/web": {"network": "core", "others": ["a", "b"]}, "vpc/core": {}, "vpc/a": {}, "vpc/b": {}}
CORE = """
data "terraform_remote_state" "net" {
  backend = "s3"
  config = {
    bucket = "karma"
    key    = "states/vpc/${var.config.network}/terraform.tfstate"
    region = var.anything
  }
}
variable "anything" {}
"""
EACH = """
data "terraform_remote_state" "net" {
  for_each = toset(var.config.others)
  backend  = "s3"
  config   = { bucket = "karma", key = "states/vpc/${each.key}/terraform.tfstate" }
}
"""
COUNT = """
data "terraform_remote_state" "net" {
  count     = length(var.config.others)
  backend   = "s3"
  config    = { bucket = "karma", key = "states/vpc/${var.config.others[count.index]}/terraform.tfstate" }
  workspace = terraform.workspace
}
"""


def output(expression: str) -> str:
    """An output of this value."""
    return f'output "x" {{\n  value = {expression}\n}}\n'


def consumed(module: str, **facts: Any) -> dict[str, tuple[str, ...] | None]:
    """What app/web consumes with this module."""
    return consumed_by(edges(CONFIGS, sources={"app": module}, **facts).values())


def test_a_check_has_a_data_source_of_its_own() -> None:
    """It reads like one of the module, in both syntaxes."""
    head, _, tail = CORE.partition("variable")
    condition = "data.terraform_remote_state.net.outputs.id"
    check = f'check "c" {{\n{head}\n  assert {{\n    condition = {condition} == 1\n  }}\n}}\nvariable{tail}'
    assert consumed(check) == {"vpc/core": ("outputs.id",)}
    in_json = b"""{"check": {"c": {
      "data": {"terraform_remote_state": {"net": {"backend": "s3", "config": {"bucket": "b", "key": "k"}}}},
      "assert": {"condition": "${data.terraform_remote_state.net.outputs.id == 1}", "error_message": "no"}
    }}}"""
    assert set(read_module("app", {"app/main.tf.json": in_json}).body.states) == {"net"}


@pytest.mark.parametrize(
    ("expression", "keys"),
    [
        ("data.terraform_remote_state.net.outputs.id", ["outputs.id"]),
        ('data.terraform_remote_state.net.outputs["id"]', ["outputs.id"]),
        ("try(data.terraform_remote_state.net.outputs.id, 1)", ["outputs.id"]),
        ('lookup(data.terraform_remote_state.net.outputs, "id", 1)', ["outputs.id"]),
        ("data.terraform_remote_state.net.outputs.zones[0].name", ["outputs.zones"]),
        ('[for s in ["a"] : data.terraform_remote_state.net.outputs.id]', ["outputs.id"]),
        ("data.terraform_remote_state.net.outputs", ["outputs"]),
        ("keys(data.terraform_remote_state.net.outputs)", ["outputs"]),
        ("data.terraform_remote_state.net", ["outputs"]),
        ("1", []),
    ],
)
def test_the_outputs_that_are_read_are_the_consumed_keys(expression: str, keys: list[str]) -> None:
    """One by one, through an index or a fallback; all where they are handed on as one."""
    assert consumed(CORE + output(expression)) == {"vpc/core": tuple(keys)}


@pytest.mark.parametrize(
    ("module", "expression"),
    [
        (EACH, '{ for k, s in data.terraform_remote_state.net : k => s.outputs.id }'),
        (EACH, 'values(data.terraform_remote_state.net)[*].outputs.id'),
        (EACH, '[for k in ["a", "b"] : data.terraform_remote_state.net[k].outputs.id]'),
        (COUNT, "data.terraform_remote_state.net[*].outputs.id"),
        (COUNT, "[for at in [0, 1] : data.terraform_remote_state.net[at].outputs.id]"),
    ],
)  # fmt: skip
def test_each_instance_is_a_component_of_its_own(module: str, expression: str) -> None:
    """By count and by for_each, through splats and loops."""
    assert consumed(module + output(expression)) == {"vpc/a": ("outputs.id",), "vpc/b": ("outputs.id",)}


def test_the_edge_says_how_and_where() -> None:
    """The way `state`, the block's place; the variable `dependencies` does not have such a producer."""
    made = edges(CONFIGS, sources={"app": CORE + output("data.terraform_remote_state.net.outputs.id")})
    assert {edge.via for edge in made.values()} == {("state",)}
    assert {edge.pointers for edge in made.values()} == {("main.tf:2",)}
    assert read_by_state(made.values()) == {"vpc/core"}
    assert set(made) == {("vpc/core", Kind.CONSUMES), ("vpc/core", Kind.DEPENDS_ON)}


def test_runtime_and_state_of_one_component_are_read_side_by_side() -> None:
    """Keys of both, and a `consumes` of the type leaves out no output."""
    read = output('"${var.dependencies["vpc/core"].cidr}${data.terraform_remote_state.net.outputs.id}"')
    assert consumed(CORE + read) == {"vpc/core": ("cidr", "outputs.id")}
    types = {"app": {"consumes": {"vpc": ["zone"]}}}
    assert consumed(CORE + read, types=types) == {"vpc/core": ("outputs.id", "zone")}


def test_a_nickname_whose_state_is_read_is_read() -> None:
    """A module that names the producer for its state alone is not told that it never reads it."""
    configs = {"app/web": {"vpc_nickname": "core", "network": "core"}, "vpc/core": {}}
    module = CORE + output("data.terraform_remote_state.net.outputs.id")
    assert codes(configs, sources={"app": module}) == [("missing-variable", "app/web", "main.tf:10")]
    assert edges(configs, sources={"app": module})["vpc/core", Kind.CONSUMES].keys == ("outputs.id",)


def test_a_child_module_reads_for_its_component() -> None:
    """With what it is given."""
    child = CORE.replace("var.config.network", "var.name") + 'variable "name" {}\n'
    files = {
        "app/main.tf": b'module "m" {\n  source   = "./m"\n  name     = "core"\n  anything = 1\n}\n',
        "app/m/main.tf": (child + output("data.terraform_remote_state.net.outputs.id")).encode(),
    }
    context = Context(
        prefix="/iac",
        configs={"app": {"app/web": {}}, "vpc": {"vpc/core": {}}},
        definitions={},
        modules=ModuleInputs(
            facts={"app": read_module("app", files)}, states=StateFolder("s3", "states", "karma")
        ),
    )
    resolved = find_all(prepare(context), "app/web", "app", {})
    assert [(r.target, r.via, r.pointer) for r in resolved if isinstance(r, Reference)] == [
        ("vpc/core", "state", "m/main.tf:2")
    ]


def state(body: str) -> str:
    """A module that reads one remote state."""
    return f'data "terraform_remote_state" "x" {{\n{body}}}\n'


S3 = '  backend = "s3"\n  config = {{ {} }}\n'
OF_CORE = S3.format('bucket = "karma", key = "states/vpc/core/terraform.tfstate"')


@pytest.mark.parametrize(
    ("body", "component"),
    [
        (S3.format('bucket = "other", key = "states/vpc/core/terraform.tfstate"'), "type:app"),
        (S3.format('bucket = "karma", key = "states/vpc/ghost/terraform.tfstate"'), "type:app"),
        (S3.format('bucket = "karma", key = "env:/dev/states/vpc/core/terraform.tfstate"'), "type:app"),
        (f'  workspace = "dev"\n{OF_CORE}', "type:app"),
        ('  backend = "local"\n  config = { path = "../vpc/terraform.tfstate" }\n', "type:app"),
        ('  backend = "remote"\n  config = { organization = "o" }\n', "type:app"),
        ('  backend = "gcs"\n  config = { bucket = "b", prefix = "p" }\n', "type:app"),
        (S3.format('bucket = "karma", key = terraform_data.x.id'), "type:app"),
        ('  backend = "s3"\n', "type:app"),
        (S3.format('bucket = "karma", key = var.config.missing'), "app/web"),
    ],
)
def test_a_state_of_nobody_is_said(body: str, component: str) -> None:
    """On the type; on the component whose config is why. No edge is made, and nothing else is said."""
    configs = {"app/web": {}, "vpc/core": {}}
    assert codes(configs, sources={"app": state(body)}) == [("unseen-read", component, "main.tf:1")]
    assert edges(configs, sources={"app": state(body)}) == {}


def test_a_state_that_a_module_names_for_itself_is_said_to_be_elsewhere() -> None:
    """Karma replaces the backend of a module; whoever reads what it names there reads what was before."""
    own = """
terraform {
  required_version = ">= 1"
  backend "gcs" {
    bucket = "b"
    prefix = "vpc"
  }
}
"""
    reader = state('  backend = "gcs"\n  config = { bucket = "b", prefix = "vpc/" }\n')
    sources = {"app": reader, "vpc": own}
    [said] = built(parameters({"app/web": {}, "vpc/core": {}}), sources=sources).findings
    assert (said.code, said.component) == ("unseen-read", "type:app")
    assert "which the backend block of the module vpc names" in said.message
    assert "s3:karma/states/vpc/NICKNAME/terraform.tfstate" in said.message


def test_the_own_state_is_no_dependency() -> None:
    """Neither an edge nor a finding."""
    body = OF_CORE.replace("vpc/core", "app/web")
    assert codes({"app/web": {}}, sources={"app": state(body)}) == []
    assert edges({"app/web": {}}, sources={"app": state(body)}) == {}


def test_an_output_that_the_state_lacks_is_missing_unless_there_is_a_default() -> None:
    """What the state has is what the applied record notes, whatever the runtime holds."""
    read = output("data.terraform_remote_state.net.outputs.id")
    defaults = CORE.replace('backend = "s3"', 'backend = "s3"\n  defaults = { id = "none" }')
    stored = parameters(CONFIGS, {"vpc/core": {"id": "in the runtime alone"}})
    for outputs, module, missing in (
        ({"id": "d"}, CORE, []),
        ({"cidr": "d"}, CORE, ["outputs.id"]),
        ({"cidr": "d"}, defaults, []),
        (None, CORE, []),
    ):
        record = replace(applied("vpc/core", {}), outputs=outputs)
        made = built(stored, records=[record], sources={"app": module + read})
        findings = list(check_consumed_keys(made.inventory, made.graph, made.optional_keys))
        assert [one.component for one in findings] == ["app/web"] * len(missing)
        assert all("whose state has no such key" in one.message for one in findings)


def test_a_variable_that_is_a_set_is_gone_through_by_its_items() -> None:
    """A config gives a list, and Terraform makes it a set: `each.key` is an item, not its number."""
    module = EACH.replace("toset(var.config.others)", "var.others") + (
        'variable "others" {\n  type = set(string)\n}\n'
        + output("[for s in data.terraform_remote_state.net : s.outputs.id]")
    )
    assert consumed(module) == {"vpc/a": ("outputs.id",), "vpc/b": ("outputs.id",)}
