"""What resolvers may know of an environment, and how it is kept for one build."""

from __future__ import annotations

import pytest

from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.inference.read import read_module
from karma_core.references.base import Context, ModuleInputs, comparable

DEFINITION = TypeDefinition(propagation="none")
CONFIGS = {
    "zone": {"zone/b": {"name": "One.org."}, "zone/a": {"name": ["one.org", 7]}, "zone/c": {}},
    "app": {"app/web": {"size": 1}},
}
FACTS = {"app": read_module("app", {"app/main.tf": b"locals {\n  a = var.config.size\n}\n"})}


def context() -> Context:
    """The resolvers' view of three zones and a component of a type with a module."""
    modules = ModuleInputs(
        facts=FACTS, region="eu-west-1", environment="dev", variables={"team": "core", "region": "x"}
    )
    return Context(prefix="/iac", configs=CONFIGS, definitions={"app": DEFINITION}, modules=modules)


def test_a_type_without_a_definition_has_an_empty_one() -> None:
    """Nobody has to ask whether there is one."""
    assert context().definition("app") is DEFINITION
    assert context().definition("zone") is EMPTY


def test_components_are_named_by_the_comparable_values_of_a_field() -> None:
    """Sorted; what is no text names nothing; the index is made once a field and a type."""
    made = context()
    names = made.named_by("zone", "name")
    assert names == {"one.org": ["zone/a", "zone/b"]}
    assert made.named_by("zone", "name") is names
    assert made.named_by("zone", "size") == made.named_by("nothing", "name") == {}
    assert made.named_by("app", "size") == {}


def test_a_module_is_compiled_once_a_build() -> None:
    """None where nothing is known of it."""
    made = context()
    program = made.program("app")
    assert program is not None
    assert made.program("app") is program
    assert made.program("zone") is None


def test_a_module_is_evaluated_with_what_karma_passes_to_it() -> None:
    """Its own three variables, then those of Karma, then those that all components share."""
    made = context()
    for config in ({"size": 1}, {"size": 2}):
        inputs = made.inputs("app/web", config, {"zone/a"})
        assert (inputs.address, inputs.prefix, inputs.producers) == ("app/web", "/iac", {"zone/a"})
        assert inputs.variables == {
            "team": "core", "iac_prefix": "/iac", "region": "eu-west-1", "environment": "dev",
            "nickname": "web", "component_name": "app", "config": config,
        }  # fmt: skip
        assert inputs.configs == {**CONFIGS["zone"], **CONFIGS["app"]}
    assert made.inputs("app/web", {}).producers == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Example.ORG.", "example.org"), ("a..", "a."), (".a", ".a"), ("", ""), (7, None), (None, None)],
)
def test_texts_are_compared_without_case_and_one_trailing_dot(value: object, expected: object) -> None:
    """As DNS names are; anything else is compared with nothing."""
    assert comparable(value) == expected
