"""A read counts wherever Terraform's grammar lets an expression stand.

The table has every type of block that Terraform's configuration language knows, and every place of an
expression in it. A type that is newer than this Karma is handled alike.
"""

# ruff: noqa: E501 - a table of modules, each on one line
from __future__ import annotations

import pytest

from karma_core.configuration import Engine
from tests.module_reading import keys, read

READS = {
    "var.dependencies": ('var.dependencies["vpc/core"].id', ""),
    "a local": (
        "local.of_vpc.id",
        'locals {\n  of_vpc = var.dependencies["vpc/core"]\n}\n',
    ),
    "a parameter": (
        "jsondecode(data.aws_ssm_parameter.vpc.value).id",
        'data "aws_ssm_parameter" "vpc" {\n  name = "/iac/vpc/core/runtime"\n}\n',
    ),
}

PLACES = {
    "action: config": 'action "x" "y" {\n  config {\n    a = READ\n  }\n}',
    "action: for_each": 'action "x" "y" {\n  for_each = toset([READ])\n}',
    "check: assert": 'check "x" {\n  assert {\n    condition = READ != ""\n    error_message = "no"\n  }\n}',
    "check: its data source": 'check "x" {\n  data "http" "x" {\n    url = READ\n  }\n}',
    "check: message": 'check "x" {\n  assert {\n    condition = true\n    error_message = "no ${READ}"\n  }\n}',
    "data: argument": 'data "x" "y" {\n  a = READ\n}',
    "data: count": 'data "x" "y" {\n  count = READ == "" ? 0 : 1\n}',
    "data: postcondition": 'data "x" "y" {\n  lifecycle {\n    postcondition {\n      condition = READ\n    }\n  }\n}',
    "ephemeral: argument": 'ephemeral "x" "y" {\n  a = READ\n}',
    "ephemeral: precondition": 'ephemeral "x" "y" {\n  lifecycle {\n    precondition {\n  condition = READ\n}\n  }\n}',
    "import: for_each": "import {\n  for_each = { a = READ }\n  to = x.y[each.key]\n  id = each.value\n}",
    "import: id": "import {\n  to = x.y\n  id = READ\n}",
    "import: identity": "import {\n  to = x.y\n  identity = {\n    a = READ\n  }\n}",
    "import: index of to": "import {\n  to = x.y[READ]\n  id = 1\n}",
    "locals": "locals {\n  a = READ\n}",
    "module: argument": 'module "m" {\n  source = "./m"\n  a = READ\n}',
    "module: count": 'module "m" {\n  source = "./m"\n  count = READ == "" ? 0 : 1\n}',
    "module: for_each": 'module "m" {\n  source = "./m"\n  for_each = { a = READ }\n}',
    "module: of a registry": 'module "m" {\n  source = "x/y/z"\n  a = [READ]\n}',
    "output: precondition": 'output "x" {\n  value = 1\n  precondition {\n    condition = READ != ""\n  }\n}',
    "output: value": 'output "x" {\n  value = READ\n}',
    "provider: argument": 'provider "x" {\n  a = READ\n}',
    "provider: for_each": 'provider "x" {\n  alias = "z"\n  for_each = { a = READ }\n  region = each.value\n}',
    "provider: nested block": 'provider "x" {\n  assume_role {\n    role_arn = READ\n  }\n}',
    "removed: provisioner": 'removed {\n  from = x.y\n  provisioner "local-exec" {\n    command = READ\n  }\n}',
    "resource: argument": 'resource "x" "y" {\n  a = READ\n}',
    "resource: connection": 'resource "x" "y" {\n  connection {\n    host = READ\n  }\n}',
    "resource: count": 'resource "x" "y" {\n  count = READ == "" ? 0 : 1\n}',
    "resource: dynamic content": 'resource "x" "y" {\n  dynamic "i" {\n    for_each = [1]\n    content {\n      a = READ\n    }\n  }\n}',
    "resource: dynamic for_each": 'resource "x" "y" {\n  dynamic "i" {\n    for_each = [READ]\n    content {\n      a = i.value\n    }\n  }\n}',
    "resource: dynamic in dynamic": 'resource "x" "y" {\n  dynamic "i" {\n    for_each = [1]\n    content {\n      dynamic "j" {\n        for_each = [READ]\n        content {\n          a = j.value\n        }\n      }\n    }\n  }\n}',
    "resource: for_each": 'resource "x" "y" {\n  for_each = toset([READ])\n}',
    "resource: action trigger": 'resource "x" "y" {\n  lifecycle {\n    action_trigger {\n      condition = READ\n    }\n  }\n}',
    "resource: nested block": 'resource "x" "y" {\n  i {\n    j {\n      a = READ\n    }\n  }\n}',
    "resource: object in a list": 'resource "x" "y" {\n  a = [{ b = "x-${READ}" }]\n}',
    "resource: precondition": 'resource "x" "y" {\n  lifecycle {\n    precondition {\n      condition = READ\n    }\n  }\n}',
    "resource: provisioner": 'resource "x" "y" {\n  provisioner "local-exec" {\n    command = READ\n    environment = { A = 1 }\n  }\n}',
    "resource: its connection": 'resource "x" "y" {\n  provisioner "remote-exec" {\n    connection {\n      host = READ\n    }\n  }\n}',
    "resource: source": 'resource "x" "y" {\n  source = READ\n}',
    "resource: version": 'resource "x" "y" {\n  version = READ\n}',
    "resource: provider of a nested block": 'resource "x" "y" {\n  i {\n    provider = READ\n  }\n}',
    "template: directive": 'resource "x" "y" {\n  a = "%{ if READ != "" }x%{ endif }"\n}',
    "template: heredoc": 'resource "x" "y" {\n  a = <<-E\n    %{ for x in [READ] ~}\n    ${x}\n    %{ endfor ~}\n  E\n}',
    "variable: validation": 'variable "v" {\n  validation {\n    condition = READ != var.v\n    error_message = "no"\n  }\n}',
    "variable: its message": 'variable "v" {\n  validation {\n    condition = true\n    error_message = "not ${READ}"\n  }\n}',
    "a block of a later Terraform": 'something "new" {\n  inner {\n    a = READ\n  }\n}',
}  # fmt: skip
NO_VALUES = {
    "resource: depends_on": 'resource "x" "y" {\n  depends_on = [data.aws_ssm_parameter.vpc]\n}',
    "resource: provider": 'resource "x" "y" {\n  provider = aws.other\n}',
    "lifecycle: ignore_changes": 'resource "x" "y" {\n  lifecycle {\n    ignore_changes = [a]\n  }\n}',
    "lifecycle: replace_triggered_by": 'resource "x" "y" {\n  lifecycle {\n    replace_triggered_by = [x.z]\n  }\n}',
    "module: providers": 'module "m" {\n  source = "./m"\n  providers = { aws = aws.other }\n}',
    "moved": "moved {\n  from = x.a\n  to = x.b\n}",
    "removed: from": "removed {\n  from = x.y\n  lifecycle {\n    destroy = false\n  }\n}",
    "terraform": 'terraform {\n  required_version = ">= 1.9"\n  backend "s3" {}\n}',
}
CHILD = 'variable "a" {\n  default = ""\n}\nresource "terraform_data" "x" {\n  input = var.a\n}\n'


@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("place", PLACES)
def test_a_read_counts_in_every_place(place: str, how: str) -> None:
    """The key alone is read, and the edge has its place."""
    expression, more = READS[how]
    text = more + PLACES[place].replace("READ", expression)
    reading = read({"main.tf": f"{text}\n", "app/m/main.tf": CHILD}, engine=Engine.OPENTOFU)
    assert keys(reading) == {"vpc/core": ["id"]}
    assert all(one.startswith(("main.tf:", "m/main.tf:")) for one in reading.reads["vpc/core"].places)


@pytest.mark.parametrize("place", NO_VALUES)
def test_names_of_things_are_no_reads(place: str) -> None:
    """They hold no value, and nothing in them is unresolved."""
    reading = read({"main.tf": f"{NO_VALUES[place]}\n", "app/m/main.tf": CHILD})
    assert (keys(reading), reading.unresolved) == ({}, [])


IN_JSON = {
    "resource": '{"resource": {"x": {"y": {"a": "${READ}"}}}}',
    "resource: nested": '{"resource": {"x": {"y": {"i": [{"j": {"a": "${READ}"}}]}}}}',
    "resource: condition": '{"resource": {"x": {"y": {"lifecycle": {"precondition": {"condition": "${READ}"}}}}}}',
    "resource: provisioner": '{"resource": {"x": {"y": {"provisioner": [{"local-exec": {"command": "${READ}"}}]}}}}',
    "check": '{"check": {"x": {"assert": {"condition": "${READ}"}}}}',
    "import": '{"import": [{"to": "x.y", "id": "${READ}"}]}',
    "locals": '{"locals": {"a": "${READ}"}}',
    "output": '{"output": {"x": {"value": "${READ}"}}}',
    "output: precondition": '{"output": {"x": {"value": 1, "precondition": {"condition": "${READ}"}}}}',
    "provider": '{"provider": {"x": {"a": "${READ}"}}}',
    "variable: validation": '{"variable": {"v": {"validation": [{"condition": "${READ}"}]}}}',
    "module": '{"module": {"m": {"source": "./m", "a": "${READ}"}}}',
}


@pytest.mark.parametrize("place", IN_JSON)
def test_a_read_counts_in_json_syntax(place: str) -> None:
    """JSON configuration syntax has the same places."""
    text = IN_JSON[place].replace("READ", READS["var.dependencies"][0].replace('"', '\\"'))
    assert keys(read({"main.tf.json": text, "app/m/main.tf": CHILD})) == {"vpc/core": ["id"]}


def test_what_a_type_does_not_list_is_no_value() -> None:
    """Terraform drops attributes of an object that the variable's type does not have."""
    text = 'variable "config" {\n  type = object({ a = string, b = optional(string) })\n}\n'
    text += 'output "x" {\n  value = [for k, v in var.config : var.dependencies["net/${k}"].id]\n}\n'
    assert keys(read({"main.tf": text}, {"a": "1", "more": "2"})) == {"net/a": ["id"], "net/b": ["id"]}


def test_what_stands_in_json_syntax_has_its_file_in_the_place() -> None:
    """A parsed document has no lines: the first stands for all."""
    text = '{"locals": {"vpc": "${var.dependencies[\\"vpc/core\\"]}"}, "output": {"x": {"value": "${local.vpc.id}"}}}'
    assert read({"main.tf.json": text}).reads["vpc/core"].places == {"main.tf.json:1"}
