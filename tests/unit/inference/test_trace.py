"""The traced evaluation gives what the plain one gives, and expressions are written as they can be read."""

from __future__ import annotations

import pytest

from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.expressions import Call, Expression, For, Index
from karma_core.inference.read import read_module
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.trace import traced
from karma_core.inference.written import written

EXPRESSIONS = (
    "var.config.name",
    '"a-${var.x}/%%{b}$${c}\\n\\"${each.value[0]}"',
    "[for k, v in local.all : upper(k) if v != null]",
    "{for k, v in local.all : k => v.id...}",
    "{for v in local.all : v => 1}",
    "aws_vpc.this[*].id",
    "aws_vpc.this[*].tags[0].x",
    "aws_vpc.this[*]",
    '(var.a && !var.b) ? "x" : (-1 + 2) * 3',
    "(var.a ? 1 : 2) == 1",
    "merge(var.list...)",
    'data.x.y["k"].z',
    "12345678901234567890.5",
    'try([1, true, null], {"a" = "b"})',
)


def _parsed(text: str) -> Expression:
    """The expression of a local, without the places that it stands at."""
    facts = read_module("t", {"t/main.tf": f"locals {{\n  x = {text}\n}}\n".encode()})
    return facts.body.locals["x"].expression


def _bare(text: str) -> str:
    """The tree of an expression without places and texts."""

    def stripped(node: object) -> object:
        if isinstance(node, Index):
            return ("index", stripped(node.of), stripped(node.key))
        if isinstance(node, Call):
            return ("call", node.name, node.spread, *map(stripped, node.arguments))
        if isinstance(node, For):
            parts = (node.of, node.result, node.key_result, node.condition)
            return ("for", node.key, node.value, node.grouped, *map(stripped, parts))
        if isinstance(node, tuple):
            return tuple(map(stripped, node))
        fields = getattr(node, "__struct_fields__", None)
        if fields is None:
            return node
        return (type(node).__name__, *(stripped(getattr(node, name)) for name in fields))

    return repr(stripped(_parsed(text)))


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_what_is_written_is_read_as_the_same_expression(text: str) -> None:
    """Else an explanation would show another expression than the module has."""
    assert _bare(written(_parsed(text))) == _bare(text)


MODULE = b"""
variable "config" {}
variable "dependencies" {}
variable "iac_prefix" {}
locals {
  names = { for k, v in var.config : k => try(var.dependencies["a/${v}"].id, null) if k != "skip" }
  typed = var.config.on ? toset(["x"]) : toset([])
}
data "aws_ssm_parameter" "one" {
  for_each = local.typed
  name     = "${var.iac_prefix}/a/${each.key}/runtime"
}
data "aws_ssm_parameter" "lost" { name = "${var.iac_prefix}/a/${uuid()}/runtime" }
output "all" { value = [local.names, [for one in data.aws_ssm_parameter.one : jsondecode(one.value).id]] }
output "lost" { value = data.aws_ssm_parameter.lost.value }
"""


def _facts(reading: Reading) -> str:
    names = ("reads", "writes", "unresolved", "unresolved_writes", "own_config", "uncomputed", "items_left")
    return repr([getattr(reading, name) for name in names])


@pytest.mark.parametrize("config", [{"on": True, "x": "one"}, {"on": False}, {"skip": "s"}])
def test_a_traced_evaluation_gives_what_a_plain_one_gives(config: dict[str, object]) -> None:
    """Reads, keys, what is unresolved and what it cost: the trace only looks on."""
    facts = read_module("t", {"t/main.tf": MODULE})
    inputs = Inputs("t/x", "/iac", {"config": config, "iac_prefix": "/iac"}, {"a/one"})
    plain = read_component(compile_facts(facts), inputs)
    assert _facts(traced(facts, inputs)[0]) == _facts(plain)
