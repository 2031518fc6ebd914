"""The schema that a module's variables make."""

from __future__ import annotations

import jsonschema_rs
import pytest

from karma_core import hcl
from karma_core.json_types import JsonObject
from karma_core.module_schema import example_of, schema_of


def schema(text: str) -> JsonObject:
    """The schema of a module in one file."""
    return schema_of([hcl.parse(text.encode(), "main.tf")])


def variable(body: str) -> JsonObject:
    """The schema of one variable."""
    return schema(f'variable "v" {{\n{body}\n}}\n')["properties"]["v"]


@pytest.mark.parametrize(
    ("of_type", "wanted"),
    [
        ("string", {"type": "string"}),
        ("bool", {"type": "boolean"}),
        ("any", {}),
        ("list(number)", {"type": "array", "items": {"type": "number"}}),
        ("set(string)", {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        ("map(bool)", {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (
            "tuple([string, number])",
            {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "number"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (
            "object({ a = string, b = optional(number, 3), c = optional(bool) })",
            {
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": {"type": "string"},
                    "b": {"type": "number", "default": 3},
                    "c": {"type": "boolean"},
                },
            },
        ),
    ],
)
def test_types(of_type: str, wanted: JsonObject) -> None:
    """Terraform's type constraints in a schema's words."""
    assert variable(f"type = {of_type}") == wanted


@pytest.mark.parametrize(
    ("of_type", "condition", "wanted"),
    [
        ("string", 'contains(["a", "b"], var.v)', {"enum": ["a", "b"]}),
        ("string", 'can(regex("^ami-", var.v))', {"pattern": "^ami-"}),
        ("string", "length(var.v) > 2", {"minLength": 3}),
        ("list(string)", "length(var.v) == 2", {"minItems": 2, "maxItems": 2}),
        ("number", "var.v >= 1 && var.v < 10", {"minimum": 1, "exclusiveMaximum": 10}),
        ("number", "(0 <= var.v)", {"minimum": 0}),
        ("number", "var.v > -1.5", {"exclusiveMinimum": -1.5}),
        ("number", "var.v > var.other || var.v == 3", {}),
        ("string", 'can(regex("(?i)x", var.v))', {}),
        ("string", "contains(local.names, var.v)", {}),
    ],
)
def test_validations(of_type: str, condition: str, wanted: JsonObject) -> None:
    """What can be said in a schema is; the rest stays Terraform's to check."""
    body = f'type = {of_type}\nvalidation {{\n  condition = {condition}\n  error_message = "no"\n}}'
    rules = {key: value for key, value in variable(body).items() if key not in {"type", "items"}}
    assert rules == wanted


def test_defaults_descriptions_and_what_is_required() -> None:
    """A default of null lets null in; Karma's own variables are no keys; what has no default is required."""
    made = schema("""
variable "nickname" {}
variable "region" {}
variable "cidr" {
  type        = string
  description = "The network's range."
}
variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}
variable "owner" {
  type    = string
  default = null
}
""")
    assert made == {
        "type": "object",
        "required": ["cidr"],
        "properties": {
            "cidr": {"description": "The network's range.", "type": "string"},
            "owner": {"type": ["string", "null"]},
            "zones": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
        },
    }
    assert example_of(made) == {"cidr": None}
    assert not jsonschema_rs.is_valid(made, example_of(made))
    assert jsonschema_rs.is_valid(made, {"cidr": "10.0.0.0/16"})


def test_a_module_that_takes_the_whole_config() -> None:
    """Its type is the schema; `any` says nothing."""
    assert schema('variable "config" {\n  type = object({ a = string })\n}\n')["required"] == ["a"]
    assert schema('variable "config" {\n  type = any\n}\nvariable "x" {}\n') == {"type": "object"}
