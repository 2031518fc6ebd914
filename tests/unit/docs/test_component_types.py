"""docs/component-types.md says everything that component.yaml may hold, in examples that work."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from karma_core.component_types import TypeDefinition, read_definition

TEXT = (Path(__file__).parents[3] / "docs" / "component-types.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def examples() -> list[dict[str, Any]]:
    """Every example as a parsed definition, those of karma.toml included."""
    in_toml = [tomllib.loads(text)["types"] for text in blocks("toml")]
    return [yaml.safe_load(text) for text in blocks("yaml")] + [
        d for types in in_toml for d in types.values()
    ]


@pytest.mark.parametrize("body", examples())
def test_examples_are_read_by_the_product(body: dict[str, Any]) -> None:
    """Whoever copies an example gets a definition, not a finding."""
    read_definition("example", body)


def test_every_key_is_in_the_table() -> None:
    """No key of component.yaml goes unsaid, and none is said that does not exist."""
    known = {field.alias or name for name, field in TypeDefinition.model_fields.items()}
    assert set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", TEXT, re.MULTILINE)) == known
