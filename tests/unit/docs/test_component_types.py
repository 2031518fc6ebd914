"""docs/component-types.md says everything that component.yaml may hold, in examples that work."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import fields

from karma_core.component_types import TypeDefinition, read_definition
from karma_core.reload_actions import KINDS, EcsRedeploy, EventBridge, Http, LambdaInvoke

TEXT = (Path(__file__).parents[3] / "docs" / "component-types.md").read_text("utf-8")

TABLE = TEXT.split("## All keys", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def blocks(language: str) -> list[str]:
    """The fenced examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def examples() -> list[dict[str, Any]]:
    """Every example as a parsed definition, those of karma.toml included."""
    in_toml = [tomllib.loads(text).get("types", {}) for text in blocks("toml")]
    return [yaml.safe_load(text) for text in blocks("yaml")] + [
        d for types in in_toml for d in types.values()
    ]


@pytest.mark.parametrize("body", examples())
def test_examples_are_read_by_the_product(body: dict[str, Any]) -> None:
    """Whoever copies an example gets a definition, not a finding."""
    read_definition("example", body)


def test_every_key_is_in_the_table() -> None:
    """No key of component.yaml goes unsaid, and none is said that does not exist."""
    known = {field.encode_name for field in fields(TypeDefinition)}
    assert set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", TABLE, re.MULTILINE)) == known


def test_every_kind_of_reload_is_said_with_all_its_keys() -> None:
    """And no key that it does not have."""
    part = TEXT.split("There are five kinds", maxsplit=1)[1].split("### ", maxsplit=1)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", part, re.MULTILINE))
    assert set(rows) == set(KINDS)
    models = (Http, LambdaInvoke, EcsRedeploy, EventBridge)
    for kind, model in zip(KINDS[1:], models, strict=True):
        said = re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", rows[kind]))
        assert set(said) == {field.name for field in fields(model)}
