"""A function is given the project's settings as JSON, and refuses what the command line would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.reading import settings_of
from karma_core.errors import SettingsError
from karma_core.policy.document import read_policy
from karma_core.state_places import StateFolder
from karma_lambda.settings import FunctionSettings, project_settings

FULL: dict[str, Any] = {
    "environments": {
        "dev": {"prefix": "/iac", "policy": {"require_approval": True}, "variables": {"a": 1}},
        "prod": {"prefix": "/prod", "region": "eu-central-1", "parallelism": 8, "lease_seconds": 90},
    },
    "policy": {"approvers": ["ann"], "require_approval": False},
    "types": {"app": {"protected": True}},
}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_core_is_told_the_same_of_an_environment(tmp_path: Path, name: str) -> None:
    """As a process that reads karma.toml: its policy over the common one, and the prefixes of the others."""
    expected = settings_of(tmp_path, FULL).environment(name)
    given = project_settings(FunctionSettings(project=FULL)).environment(name)
    assert replace(given, policy={}) == replace(expected, policy={}, states=None)
    assert read_policy(given.policy) == read_policy(expected.policy)


def test_states_in_s3_are_where_they_are_and_a_folder_is_another_machines(tmp_path: Path) -> None:
    """A function has no folder of states; where the builder has them, the build has kept."""
    aws = {"tfstate_bucket": "b", "tfstate_prefix": "/dev/"}
    project = {"environments": {"s3": {"terraform_state": "s3", "aws": aws}, "local": {}}}
    given = project_settings(FunctionSettings(project=project))
    expected = settings_of(tmp_path, project)
    assert (
        given.environment("s3").states == expected.environment("s3").states == StateFolder("s3", "dev", "b")
    )
    assert given.environment("local").states is None
    folder = StateFolder("local", str(tmp_path / ".karma" / "local" / "tfstate"))
    assert expected.environment("local").states == folder


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
