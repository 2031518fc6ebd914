"""A function reads the project's settings as the command line does: the same keys, defaults and bounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from karma_adapters.wiring import settings
from karma_core.documents import WHOLE
from karma_core.errors import SettingsError
from karma_core.policy.document import read_policy
from karma_lambda import project
from karma_lambda.settings import FunctionSettings, project_settings

SECTIONS: list[tuple[type[msgspec.Struct], type[BaseModel]]] = [
    (project.Project, settings.Project),
    (project.Aws, settings.AwsSettings),
    (project.Environment, settings.Environment),
    (project.Log, settings.LogSettings),
    (project.Api, settings.ApiSettings),
    (project.Orchestration, settings.ServiceSettings),
    (project.Deliveries, settings.WebhookSettings),
]
KEPT = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "enum", "default")


def rules(schema: Any) -> Any:
    """What a JSON Schema of a key demands, in one form for both libraries."""
    choices = schema.get("anyOf")
    if choices is not None:
        found = sorted((json.dumps(rules(choice), sort_keys=True) for choice in choices), key=str)
        return {"anyOf": found, "default": schema.get("default")}
    kept = {key: schema[key] for key in KEPT if key in schema}
    if "enum" in kept:
        kept = {"enum": sorted(kept["enum"]), "default": kept.get("default")}
    if "pattern" in kept:
        kept["pattern"] = kept["pattern"].replace(WHOLE, "$")
    if "items" in schema:
        kept["items"] = rules(schema["items"])
    return kept


def by_key(schema: dict[str, Any]) -> dict[str, Any]:
    """Key → what it demands. Other sections are compared on their own, and a secret is a text."""
    return {key: rules(value) for key, value in schema["properties"].items() if key != "aws"}


@pytest.mark.parametrize(("ours", "theirs"), SECTIONS)
def test_a_section_is_the_same_for_both(ours: type[msgspec.Struct], theirs: type[BaseModel]) -> None:
    """So that a new key, default or bound of one cannot be forgotten in the other."""
    _, components = msgspec.json.schema_components([ours])
    assert by_key(json.loads(json.dumps(components[ours.__name__]))) == by_key(theirs.model_json_schema())


def test_the_sections_are_the_same() -> None:
    """Those that no function uses included: all that stands in karma.toml may be given."""
    ours = {field.name for field in msgspec.structs.fields(project.ProjectSettings)}
    assert ours == set(settings.Settings.model_fields) - {"root"}


FULL: dict[str, Any] = {
    "environments": {
        "dev": {"prefix": "/iac", "policy": {"require_approval": True}, "variables": {"a": 1}},
        "prod": {"prefix": "/prod", "region": "eu-central-1", "parallelism": 8, "lease_seconds": 90},
    },
    "policy": {"approvers": ["ann"], "require_approval": False},
    "types": {"app": {"protected": True}},
}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_core_is_told_the_same_of_an_environment(name: str) -> None:
    """Its policy over the common one, and the prefixes of the others."""
    expected = settings.Settings(root=Path("/nowhere"), **FULL).choose_environment(name)
    found = project_settings(FunctionSettings(project=FULL)).environment(name)
    assert replace(found, policy={}) == replace(expected, policy={})
    assert read_policy(found.policy) == read_policy(expected.policy)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"polcy": {}}, "project.polcy: there is no such key"),
        ({"api": {"burst": 0}}, "project.api.burst"),
        ({"environments": {"dev": {"graph": "gremlin"}}}, "needs gremlin_url"),
        ({"environments": {"dev": {"gremlin_auth": "sigv4"}}}, "begins with wss://"),
        ({"environments": {"dev": {"state": "dynamodb"}}}, "needs aws.state_table"),
        ({"environments": {"dev": {"artifacts": "s3"}}}, "needs aws.bucket"),
        ({"environments": {"dev": {"terraform_state": "s3"}}}, "needs aws.tfstate_bucket"),
        ({"environments": [], "api": 1}, "project.api"),
    ],
)
def test_what_cannot_be_used_is_named(body: dict[str, Any], said: str) -> None:
    """With the key, as the command line would."""
    with pytest.raises(SettingsError) as caught:
        project_settings(FunctionSettings(project=body))
    assert said in caught.value.why
