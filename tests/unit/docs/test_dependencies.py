"""docs/dependencies.md says every resolver and every finding, and its modules mean what it says they mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.read import read_module
from karma_core.inference.reading import Inputs, Reading
from karma_core.references.resolvers import RESOLVERS
from tests.unit.karma_core.references.resolving import seen

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
ROWS: list[tuple[str, str, str, str]] = re.findall(
    r"^\| `(\w+)` \| (.+?) \| (.+) \| `(\S+)` \|$", TEXT.partition("## `module`")[0], re.MULTILINE
)
"""(resolver, what it looks at, example, pointer) of the page's first table."""
EXAMPLES = re.findall(r"^```terraform\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def reading(module: str) -> Reading:
    """What a component app/web with this module reads."""
    config = {"vpc_nickname": "core", "functions": {"mail": {}}}
    variables = {"nickname": "web", "component_name": "app", "iac_prefix": "/iac", "config": config}
    inputs = Inputs("app/web", "/iac", variables, (), {"app/web": config})
    return read_component(compile_facts(read_module("app", {"app/main.tf": module.encode()})), inputs)


def test_both_ways_to_read_are_one_dependency() -> None:
    """The page promises vpc/core and the key vpc_id for both."""
    for module in EXAMPLES[:2]:
        reads = reading(module)
        assert {a: sorted(r.keys) for a, r in reads.reads.items()} == {"vpc/core": ["vpc_id"]}
        assert reads.complete


def test_the_module_that_writes_several_runtimes_does() -> None:
    """One for each function of the config."""
    own = EXAMPLES[1].split("data ", 2)[1]
    config = "locals {\n  config = jsondecode(data.aws_ssm_parameter.config.value)\n}\n"
    assert set(reading(f"data {own}{config}{EXAMPLES[2]}").writes) == {"lambda/mail"}


def test_every_resolver_has_its_row() -> None:
    """In the table of resolvers, by the name that edges carry."""
    assert sorted(name for name, *_ in ROWS) == sorted(resolver.name for resolver in RESOLVERS)


@pytest.mark.parametrize(
    ("name", "example", "pointer"), [(n, e, p) for n, looks_at, e, p in ROWS if looks_at == "the config"]
)
def test_what_a_row_shows_is_found(name: str, example: str, pointer: str) -> None:
    """By that resolver, at that pointer, where the config alone decides."""
    member = re.findall(r"`(.*?)`", example)[0]
    assert ("vpc/core", name, pointer) in seen(json.loads(f"{{{member}}}"))


def test_every_finding_on_dependencies_is_explained() -> None:
    """Each code that a resolver, the building of edges or the reading of modules gives has a row."""
    files = [*(ROOT / "karma_core" / "references").glob("*.py"), ROOT / "karma_core" / "graph" / "build.py"]
    codes = {c for f in files for c in re.findall(r'code="([a-z-]+)"', f.read_text("utf-8"))}
    explained = set(re.findall(r"^\| `([a-z-]+)` \| (?:error|warning)", TEXT, re.MULTILINE))
    assert codes - explained <= {"invalid-name", "self-reference", "orphan-runtime"}
