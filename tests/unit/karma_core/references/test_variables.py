"""Variables of modules that were written for Terraform alone, and the findings on them."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core import documents
from karma_core.component_types import TypeDefinition
from karma_core.inference.read import read_module
from karma_core.model import Edge, Finding, Kind, Severity
from karma_core.references.base import Context, ModuleInputs, Reference
from karma_core.references.resolvers import find_all, prepare
from karma_core.root_variables import Environment, values
from tests.unit.graph.environments import built, parameters
from tests.unit.karma_core.references.building import codes, resolved

PLAIN = """
variable "name" {
  type = string
}
variable "size" {
  type    = number
  default = 1
}
variable "region" {}
variable "environment" {}
resource "terraform_data" "this" { input = "${var.name}-${var.size}" }
"""
TAKES_CONFIG = 'variable "config" {}\nresource "terraform_data" "this" { input = var.config.any }\n'

PROPERTIES: dict[str, Any] = {"properties": {"note": {}}}


def findings_on(config: dict[str, Any], source: str = PLAIN, **facts: Any) -> list[Finding]:
    """The findings on a component app/web whose module is `source`."""
    results = resolved("app/web", config, {"app": source}, **facts)
    return [one for one in results if isinstance(one, Finding)]


def keys(findings: list[Finding]) -> list[tuple[str, str]]:
    """(code, pointer) of each."""
    return [(one.code, one.pointer) for one in findings]


def test_a_module_for_terraform_alone_takes_its_variables_from_the_config() -> None:
    """Region and environment are Karma's, and a default stands in for what nothing gives."""
    assert findings_on({"name": "web"}) == []
    assert findings_on({"name": None, "size": 3, "region": "us-east-1"}) == []


def test_a_required_variable_without_a_value_is_an_error_at_its_block() -> None:
    """Terraform would only say it when it plans."""
    [finding] = findings_on({"size": 3})
    assert keys([finding]) == [("missing-variable", "main.tf:2")]
    assert finding.severity is Severity.ERROR
    assert finding.component == "app/web"
    assert "variable name" in finding.message


def test_a_null_for_a_required_variable_is_said_as_such() -> None:
    """The key is there: to add it is no advice."""
    [finding] = findings_on({"name": None}, 'variable "name" {\n  nullable = false\n}\n')
    assert finding.code == "missing-variable"
    assert "the config gives it null, which it does not take. Give the key name a value" in finding.message


def test_the_settings_give_variables_to_every_component() -> None:
    """The last that is asked before the module's default."""
    assert codes({"app/web": {}}, sources={"app": PLAIN}) == [("missing-variable", "app/web", "main.tf:2")]
    source = 'variable "nothing" {\n  default = null\n}\n'
    assert findings_on({}, source) == []


def test_a_key_that_no_variable_takes_is_a_warning_with_the_nearest_name() -> None:
    """A misspelt one beside the variable that is therefore missing."""
    missing, unused = findings_on({"nmae": "web"})
    assert keys([missing, unused]) == [("missing-variable", "main.tf:2"), ("config-key-unused", "/nmae")]
    assert unused.severity is Severity.WARNING
    assert "Did you mean name?" in unused.message


@pytest.mark.parametrize(
    ("extra", "definition"),
    [
        ({"depends_on": []}, {}),
        ({"moved_from": "app/old"}, {}),
        ({"nickname": "web"}, {}),
        ({"region": "eu-west-1"}, {}),
        ({"vpc_nickname": None}, {}),
        ({"note": "x"}, {"schema": PROPERTIES}),
        ({"note": "x"}, {"schema": {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": PROPERTIES}}}),
        ({"x_note": "x"}, {"schema": {"patternProperties": {"^x_": {}}}}),
        ({"note": "x"}, {"match": [{"field": "note.name", "type": "zone", "equals": "name"}]}),
        ({"note": ""}, {"references": {"note": "zone"}}),
        ({"note": "x"}, {"protected_fields": ["/note"]}),
        ({"note": "vpc"}, {"references": {"a_nickname": {"type_from": "note"}}}),
    ],
)  # fmt: skip
def test_a_key_that_karma_or_the_type_knows_is_used(
    extra: dict[str, Any], definition: dict[str, Any]
) -> None:
    """Edges, the schema, the type's rules and Karma itself use keys that are no variables."""
    findings = findings_on({"name": "web", **extra}, types={"app": definition})
    assert "config-key-unused" not in {one.code for one in findings}


def test_a_key_that_makes_an_edge_is_used() -> None:
    """Whatever it is called."""
    config = {"name": "web", "network": "/iac/vpc/core/runtime"}
    assert keys(findings_on(config)) == [("declared-never-read", "/network")]


@pytest.mark.parametrize(
    "source",
    [
        TAKES_CONFIG,
        'data "aws_ssm_parameter" "c" {\n  name = "/iac/app/web/config"\n}\n',
        'variable "where" {\n  default = "x"\n}\ndata "aws_ssm_parameter" "c" {\n  name = var.where\n}\n',
        'data "terraform_remote_state" "x" {}\n',
    ],
)
def test_a_module_that_may_read_the_whole_config_uses_every_key(source: str) -> None:
    """By the variable, by its parameter, or by something that is not followed."""
    unused = [f for f in findings_on({"any": 1, "other": 2}, source) if f.code == "config-key-unused"]
    assert unused == []


def test_a_reserved_name_is_karmas() -> None:
    """A config that has another value under it is refused until component.yaml says who gives it."""
    source = 'variable "nickname" {}\nresource "terraform_data" "this" { input = var.nickname }\n'
    [finding] = findings_on({"nickname": "other"}, source)
    assert keys([finding]) == [("reserved-variable", "/nickname")]
    assert finding.severity is Severity.ERROR
    assert findings_on({"nickname": "web"}, source) == []
    for who in ("config", "karma"):
        definition = {"variables": {"nickname": who}}
        assert findings_on({"nickname": "other"}, source, types={"app": definition}) == []


def test_a_reserved_name_that_the_config_shall_give_is_required_of_it() -> None:
    """With `variables: {config: config}` the module's `config` is a key like any other."""
    definition = {"variables": {"config": "config"}}
    found = findings_on({"else": 1}, TAKES_CONFIG, types={"app": definition})
    assert keys(found) == [("missing-variable", "main.tf:1"), ("config-key-unused", "/else")]
    assert findings_on({"config": {"any": 1}}, TAKES_CONFIG, types={"app": definition}) == []


def test_a_reserved_name_that_the_module_does_not_declare_is_data() -> None:
    """Where the module takes the config, a key of it called `dependencies` is nobody's variable."""
    assert findings_on({"any": 1, "dependencies": []}, TAKES_CONFIG) == []


def edges(config: dict[str, Any], source: str) -> list[Edge]:
    """The dependencies of a component app/web whose module is `source`; vpc/core has a runtime."""
    stored = parameters({"app/web": config, "vpc/core": {}}, {"vpc/core": {"id": 1}})
    data = built(stored, sources={"app": source}).graph
    return [edge for edge in data.edges if edge.kind is Kind.DEPENDS_ON]


@pytest.mark.parametrize(
    ("of_type", "value"), [("string", "core"), ("any", "core"), ("optional(string)", "core")]
)
def test_a_variable_from_the_config_is_followed_to_the_parameter_that_it_names(
    of_type: str, value: str
) -> None:
    """What Terraform is given is what the module is evaluated with."""
    source = f"""
variable "vpc" {{
  type = {of_type}
}}
data "aws_ssm_parameter" "vpc" {{ name = "/iac/vpc/${{var.vpc}}/runtime" }}
resource "terraform_data" "this" {{ input = jsondecode(data.aws_ssm_parameter.vpc.value).id }}
"""
    [edge] = edges({"vpc": value}, source)
    assert (edge.target, edge.via) == ("vpc/core", ("module",))


@pytest.mark.parametrize(
    ("of_type", "value", "condition", "reads"),
    [
        ("number", "5", "var.n == 5", True),
        ("string", 5, 'var.n == "5"', True),
        ("any", "5", "var.n == 5", False),
        ("bool", "true", "var.n == true", True),
        ("object({ a = number })", {"a": "5"}, "var.n.a == 5", True),
        ("list(string)", [5], 'var.n[0] == "5"', True),
    ],
)
def test_a_value_is_converted_to_its_variables_type(
    of_type: str, value: object, condition: str, reads: bool
) -> None:
    """A text that is meant as a number is one in the module's conditions."""
    source = f"""
variable "n" {{
  type = {of_type}
}}
data "aws_ssm_parameter" "vpc" {{
  count = {condition} ? 1 : 0
  name  = "/iac/vpc/core/runtime"
}}
output "id" {{ value = [for one in data.aws_ssm_parameter.vpc : jsondecode(one.value).id] }}
"""
    assert bool(edges({"n": value}, source)) is reads


ENVIRONMENT = Environment(
    name="dev", prefix="/iac", region="eu-west-1", variables={"region": "x", "team": "core", "size": 1}
)


def given(config: dict[str, Any], definition: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a component app/web is given."""
    made = documents.read(TypeDefinition, definition or {})
    return values(ENVIRONMENT, "app/web", config, {"vpc/core": {"id": 1}}, made)


def test_the_first_that_gives_a_variable_wins() -> None:
    """The config, then Karma's region and environment, then the settings."""
    assert given({"size": 3, "nickname": "other", "depends_on": ["vpc/core"]}) == {
        "team": "core", "size": 3, "region": "eu-west-1", "environment": "dev",
        "nickname": "web", "component_name": "app", "iac_prefix": "/iac",
        "config": {"size": 3, "nickname": "other", "depends_on": ["vpc/core"]},
        "dependencies": {"vpc/core": {"id": 1}},
    }  # fmt: skip
    assert given({"region": "us-east-1", "environment": None})["region"] == "us-east-1"
    assert given({"environment": None})["environment"] is None


def test_a_reserved_name_can_be_given_by_the_config() -> None:
    """Where component.yaml says so; without the key nothing gives it."""
    definition = {"variables": {"nickname": "config", "config": "config"}}
    assert given({"nickname": "other"}, definition)["nickname"] == "other"
    assert "config" not in given({"nickname": "other"}, definition)


def test_the_modules_own_tfvars_stand_before_its_defaults() -> None:
    """Terraform reads them without being told to: `terraform.tfvars`, its JSON, then `*.auto.tfvars`."""
    source = b"""
variable "vpc" {}
variable "size" {
  default = 1
}
data "aws_ssm_parameter" "vpc" { name = "/iac/vpc/${var.vpc}/runtime" }
output "id" { value = jsondecode(data.aws_ssm_parameter.vpc.value).id }
"""
    files = {
        "app/main.tf": source,
        "app/terraform.tfvars": b'vpc = "a"\nunknown = 1\n',
        "app/terraform.tfvars.json": b'{"vpc": "b"}',
        "app/b.auto.tfvars": b'vpc = "core"\n',
        "app/a.auto.tfvars.json": b'{"vpc": "${d}"}',
        "app/other.tfvars": b'vpc = "e"\n',
        "app/child/terraform.tfvars": b'vpc = "f"\n',
    }
    facts = {"app": read_module("app", files)}
    for config, target in (({}, "vpc/core"), ({"vpc": "own"}, "vpc/own")):
        context = Context(prefix="/iac", configs={}, definitions={}, modules=ModuleInputs(facts=facts))
        results = find_all(prepare(context), "app/web", "app", config)
        assert {one.target for one in results if isinstance(one, Reference)} == {target}
        assert "missing-variable" not in {one.code for one in results if isinstance(one, Finding)}


NULLABLE = """
variable "n" {
  default = "core"
%s
}
module "child" {
  source = "./child"
  n      = var.n
}
output "id" { value = module.child.id }
"""
CHILD = b"""
variable "n" {
  default  = "child"
  nullable = %s
}
data "aws_ssm_parameter" "vpc" { name = "/iac/vpc/${coalesce(var.n, "none")}/runtime" }
output "id" { value = jsondecode(data.aws_ssm_parameter.vpc.value).id }
"""


@pytest.mark.parametrize(
    ("root", "child", "target"),
    [("", b"true", "none"), ("", b"false", "child"), ("  nullable = false", b"true", "core")],
)
def test_a_null_stays_null_where_the_variable_is_nullable(root: str, child: bytes, target: str) -> None:
    """Else the default stands in for it: in the root, and in child modules."""
    files = {"app/main.tf": (NULLABLE % root).encode(), "app/child/main.tf": CHILD % child}
    modules = ModuleInputs(facts={"app": read_module("app", files)})
    context = Context(prefix="/iac", configs={}, definitions={}, modules=modules)
    results = find_all(prepare(context), "app/web", "app", {"n": None})
    assert {one.target for one in results if isinstance(one, Reference)} == {f"vpc/{target}"}


def test_a_null_is_no_value_of_a_required_variable_that_is_not_nullable() -> None:
    """Terraform would refuse it when it plans."""
    source = 'variable "n" {\n  nullable = false\n}\n'
    assert keys(findings_on({"n": None}, source)) == [("missing-variable", "main.tf:1")]
