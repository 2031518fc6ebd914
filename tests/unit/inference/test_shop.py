"""The example shop, whose modules and `consumes` were written by hand: the inference finds the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from karma_core import strictjson
from karma_core.component_types import TypeDefinition, read_definition
from karma_core.graph.build import Built, build
from karma_core.graph.validate import validate
from karma_core.inference.read import read_module
from karma_core.model import Kind
from karma_core.references.base import ModuleInputs
from tests.unit.graph.environments import inventory, parameters

SHOP = Path(__file__).parents[3] / "examples" / "shop"
COMPONENTS = SHOP / "components"
FILES = {str(p.relative_to(COMPONENTS)): p.read_bytes() for p in sorted(COMPONENTS.glob("**/*.tf"))}
TYPES = sorted(p.parent.name for p in COMPONENTS.glob("*/component.yaml"))
MODULES = ModuleInputs(facts={t: read_module(t, FILES) for t in TYPES}, region="us-east-1")
READS_ELSEWHERE = frozenset({"config-agent", "dashboard"})
"""Types whose modules do not say what is read: an agent that reads by itself, a page of what arrives."""


def definition(component_type: str, *, without: frozenset[str] = frozenset()) -> TypeDefinition:
    """A type's component.yaml, its `consumes` left out for the types in `without`."""
    body: dict[str, Any] = yaml.safe_load((COMPONENTS / component_type / "component.yaml").read_text())
    if component_type in without:
        body.pop("consumes", None)
    return read_definition(component_type, body)


def shop(environment: str, *, without: frozenset[str] = frozenset()) -> Built:
    """The build of an environment; it must have no finding."""
    files = sorted((SHOP / "iac" / environment).glob("*/*/config.json"))
    configs = {"/".join(f.parts[-3:-1]): strictjson.parse_object(f.read_bytes(), where=str(f)) for f in files}
    definitions = {t: definition(t, without=without) for t in TYPES}
    stock = inventory(parameters(configs))
    built = build(stock, definitions, modules=MODULES)
    assert validate(stock, built, definitions) == ()
    return built


def consumed(built: Built) -> dict[tuple[str, str], tuple[str, ...] | None]:
    """(consumer, producer) → keys."""
    return {(e.source, e.target): e.keys for e in built.graph.edges if e.kind is Kind.CONSUMES}


def test_every_dependency_is_found_in_the_modules_too() -> None:
    """All but the agent's, which is reloaded and reads nothing through Terraform."""
    for environment in ("dev", "prod"):
        edges = [e for e in shop(environment).graph.edges if e.kind is Kind.DEPENDS_ON]
        unseen = {e.source for e in edges if "module" not in e.via}
        assert unseen <= {"config-agent/edge"}


def test_consumes_may_be_left_out_without_a_difference() -> None:
    """The modules of 15 of the 17 types say exactly what their component.yaml lists: the same cut-offs."""
    without = frozenset(TYPES) - READS_ELSEWHERE
    assert len(without) == 15
    for environment in ("dev", "prod"):
        assert consumed(shop(environment, without=without)) == consumed(shop(environment))


def test_a_module_that_shows_whatever_arrives_consumes_the_whole() -> None:
    """For the dashboard the list in component.yaml is what narrows it down."""
    keys = consumed(shop("prod", without=frozenset({"dashboard"})))
    assert {k for (source, _), k in keys.items() if source == "dashboard/operations"} == {None}
