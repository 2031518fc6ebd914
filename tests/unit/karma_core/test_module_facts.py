"""What is known of a module from its files."""

from __future__ import annotations

import json

import pytest

from karma_core import module_facts

NATIVE = b"""
variable "config" { type = any }
variable "password" { sensitive = true }
variable "shown" { sensitive = false }
output "runtime" { value = 1 }
module "a" { source = "../shared" }
module "b" { source = var.source }
resource "aws_ssm_parameter" "runtime" { name = "${var.p}/x/runtime" }
"""
JSON = json.dumps(
    {
        "variable": {"config": {}, "password": {"sensitive": True}, "shown": [{"sensitive": False}]},
        "output": [{"runtime": {"value": 1}}],
        "module": {"a": {"source": "../shared"}, "b": {"source": "${var.source}"}},
        "resource": {"aws_ssm_parameter": {"runtime": {"name": "${var.p}/x/runtime"}}},
    }
).encode()


@pytest.mark.parametrize(
    ("text", "name"),
    [(NATIVE, "main.tf"), (JSON, "main.tf.json"), (NATIVE, "main.tofu"), (JSON, "main.tofu.json")],
)
def test_both_syntaxes_give_the_same_facts(text: bytes, name: str) -> None:
    """Variables, sensitive ones, outputs, child sources."""
    facts = module_facts.read(text, name)
    assert facts.variables == ("config", "password", "shown")
    assert facts.sensitive == ("password",)
    assert facts.outputs == ("runtime",)
    assert [source.text for source in facts.children] == ["../shared", None]
