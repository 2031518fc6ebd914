"""`$runtime` in configs: the dependencies that they are, and the findings on them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core.model import Edge, Finding, Kind, Severity
from karma_core.plan.runtime import description_of
from karma_core.records import Parameter, ParameterKind
from karma_core.references.base import Reference
from tests.unit.graph.environments import findings, parameters
from tests.unit.karma_core.references.building import codes, edges, resolved
from tests.unit.karma_core.references.resolving import find, seen

VPC = {"$runtime": "vpc/core#id"}
TAKES = 'variable "vpc" {}\nvariable "config" {}\nresource "terraform_data" "t" { input = var.vpc }\n'


def consumed(config: dict[str, Any], **facts: Any) -> Edge:
    """What app/web consumes of vpc/core."""
    configs = {"app/web": config, "vpc/core": {}}
    return edges(configs, **facts)["vpc/core", Kind.CONSUMES]


def test_a_value_is_a_dependency_at_its_place() -> None:
    """Anywhere in the config, with the key that it names, which may be missing where there is a default."""
    config = {"a": {"b": [VPC]}, "c": {"$runtime": "vpc/core#host.name", "default": "x"}}
    found, _ = find(config)
    assert found == [
        Reference("app/web", "vpc/core", "value", "/a/b/0", True, ("id",)),
        Reference("app/web", "vpc/core", "value", "/c", True, ("host.name",), ("host.name",)),
    ]


def test_exactly_the_keys_of_the_values_are_consumed() -> None:
    """Also where the config names the producer besides: nothing says that its whole runtime is read."""
    edge = consumed({"a": VPC, "b": {"$runtime": "vpc/core#zones.0"}, "depends_on": ["vpc/core"]})
    assert (edge.keys, edge.via) == (("id", "zones"), ("value",))


def test_what_the_module_reads_is_consumed_besides() -> None:
    """And so is what the type's definition lists."""
    module = TAKES + 'output "x" {\n  value = var.dependencies["vpc/core"].cidr\n}\n'
    assert consumed({"vpc": VPC}, sources={"app": module}).keys == ("cidr", "id")
    assert consumed({"vpc": VPC}, types={"app": {"consumes": {"vpc": ["arn"]}}}).keys == ("arn", "id")


def test_a_parameter_that_is_named_counts_whole_beside_a_value() -> None:
    """Where no module says what is read of it."""
    assert consumed({"vpc": VPC, "path": "/iac/vpc/core/runtime"}).keys is None


def test_the_module_is_evaluated_without_the_value() -> None:
    """What a runtime will say is not known: a name that is made of it cannot be resolved."""
    module = (
        'variable "zone" {}\ndata "aws_ssm_parameter" "z" {\n  name = "/iac/zone/${var.zone}/runtime"\n}\n'
        'output "z" {\n  value = jsondecode(data.aws_ssm_parameter.z.value).id\n}\n'
    )
    results = resolved("app/web", {"zone": {"$runtime": "vpc/core#zone"}}, {"app": module})
    assert [one.code for one in results if isinstance(one, Finding)] == ["unresolved-reference"]


def test_a_producer_that_only_gives_values_is_none_of_the_modules() -> None:
    """A loop over `dependencies` does not see it, and it is no reading that nobody declared."""
    module = 'variable "vpc" {}\noutput "all" {\n  value = [for a, r in var.dependencies : r.id]\n}\n'
    results = resolved("app/web", {"vpc": VPC, "depends_on": ["net/x"]}, {"app": module})
    assert {(r.target, r.via) for r in results if isinstance(r, Reference)} == {
        ("vpc/core", "value"), ("net/x", "declared"), ("net/x", "module"),
    }  # fmt: skip
    assert not [one for one in results if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"a": {"$runtime": "vpc/core"}}, "/a"),
        ({"a": [{"$runtime": 1}]}, "/a/0"),
        ({"a": {"b": {"$runtime": "vpc/core#id", "more": 1}}}, "/a/b"),
        ({"$runtime": "vpc/core#id"}, ""),
    ],
)
def test_what_is_malformed_is_an_error_at_its_place(config: dict[str, Any], pointer: str) -> None:
    """It is never handed to the module as it stands."""
    found, [finding] = find(config)
    assert found == []
    assert (finding.code, finding.severity, finding.pointer) == (
        "invalid-reference", Severity.ERROR, pointer,
    )  # fmt: skip


def test_literal_data_and_other_keys_are_no_references() -> None:
    """`$literal` holds anything; a key that only begins with a dollar sign is a key."""
    assert seen({"a": {"$literal": {"$runtime": "x"}}, "$other": {"$more": "vpc/core#id"}}) == set()


def test_a_module_that_reads_its_own_config_does_not_see_the_value() -> None:
    """The parameter has the reference as it is written, so that the module would use it as text."""
    module = (
        'data "aws_ssm_parameter" "c" {\n  name = "/iac/app/web/config"\n}\n'
        'resource "terraform_data" "t" {\n  input = jsondecode(data.aws_ssm_parameter.c.value).vpc\n}\n'
    )
    made = codes({"app/web": {"vpc": VPC}, "vpc/core": {}}, sources={"app": module})
    assert made == [("reference-unread", "app/web", "/vpc")]


def test_a_value_under_a_key_that_nobody_takes_has_no_effect() -> None:
    """That the key makes a dependency does not make it a variable."""
    configs = {"app/web": {"vpcc": VPC}, "vpc/core": {}}
    made = codes(configs, sources={"app": 'variable "vpc" {\n  default = null\n}\n'})
    assert made == [("config-key-unused", "app/web", "/vpcc")]


def test_a_key_that_the_runtime_lacks_is_a_finding() -> None:
    """Unless a default stands in for it."""
    configs = {"app/web": {"a": {"$runtime": "vpc/core#no"}}, "vpc/core": {}}
    assert [code for code, _, _ in codes(configs, runtimes={"vpc/core": {"id": 1}})] == [
        "consumed-key-missing"
    ]
    configs["app/web"]["a"]["default"] = None
    assert codes(configs, runtimes={"vpc/core": {"id": 1}}) == []


def test_a_key_is_needed_as_long_as_one_value_has_no_default() -> None:
    """Another with one does not excuse it."""
    config = {"a": {"$runtime": "vpc/core#no"}, "b": {"$runtime": "vpc/core#no", "default": 1}}
    made = codes({"app/web": config, "vpc/core": {}}, runtimes={"vpc/core": {"id": 1}})
    assert [code for code, _, _ in made] == ["consumed-key-missing"]


SCHEMA = {
    "type": "object",
    "required": ["vpc", "zones"],
    "properties": {
        "vpc": {"type": "string", "pattern": "^vpc-"},
        "zones": {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["a", "b"]}},
        "mode": {"oneOf": [{"const": 1}, {"type": "object", "required": ["x"]}]},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("config", "pointers"),
    [
        ({"vpc": VPC, "zones": VPC}, []),
        ({"vpc": VPC, "zones": ["a", VPC]}, []),
        ({"vpc": VPC, "zones": [VPC]}, ["/zones"]),
        ({"vpc": VPC, "zones": ["c", VPC]}, ["/zones/0"]),
        ({"vpc": VPC}, [""]),
        ({"vpc": VPC, "zones": VPC, "more": VPC}, [""]),
        ({"vpc": "x", "zones": VPC}, ["/vpc"]),
        ({"vpc": VPC, "zones": VPC, "mode": VPC}, []),
    ],
)
def test_a_value_satisfies_any_schema(config: dict[str, Any], pointers: list[str]) -> None:
    """It is compared when it is known; what does not depend on it is compared now."""
    made = codes({"app/web": config, "vpc/core": {}}, types={"app": {"schema": SCHEMA}})
    assert [pointer for code, _, pointer in made if code == "schema"] == pointers


def secret(stored: list[Parameter], keys: tuple[str, ...]) -> list[Parameter]:
    """The same parameters, with the runtime of vpc/core as a secret."""
    description = description_of("vpc/core", "RUN", secret=keys)
    change = {"kind": ParameterKind.SECURE, "value": None, "description": description}
    return [replace(p, **change) if p.name == "/iac/vpc/core/runtime" else p for p in stored]


@pytest.mark.parametrize(
    ("keys", "shared", "expected"),
    [
        (("password",), [], ["/a"]),
        (("password", "id"), [], ["/a", "/b"]),
        ((), [], ["/a", "/b"]),
        (("other",), [], []),
        ((), ["app"], []),
        ((), ["other"], ["/a", "/b"]),
    ],
)
def test_a_secret_value_is_said_unless_its_type_shares_it(
    keys: tuple[str, ...], shared: list[str], expected: list[str]
) -> None:
    """By the keys that are secret, or all where nobody says which."""
    config = {"a": {"$runtime": "vpc/core#password.text"}, "b": VPC}
    stored = list(parameters({"app/web": config, "vpc/core": {}}, {"vpc/core": {"id": 1}}))
    made = findings(secret(stored, keys), types={"vpc": {"share_secrets_with": shared}})
    assert [one.pointer for one in made if one.code == "secret-read"] == expected
    assert {one.severity for one in made if one.code == "secret-read"} <= {Severity.WARNING}
