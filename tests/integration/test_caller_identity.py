"""A requester and an approver proven by AWS's caller identity, over the wire of a local AWS."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from karma_adapters.wiring.bootstrap import open_for_person
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import Refused
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.workspace import Workspace
from tests import local_aws
from tests.change_system import request

SETTINGS = """
[policy]
distinct_approver = true

[environments.dev]
region = "{region}"

[environments.dev.aws]
endpoint_url = "{url}"
role_arn = "arn:aws:iam::123456789012:role/karma"
"""


def opened(tmp_path: Path) -> Workspace:
    """The environment, for who runs the command."""
    (tmp_path / "karma.toml").write_text(SETTINGS.format(region=local_aws.REGION, url=local_aws.url()))
    workspace = open_for_person(read_settings(tmp_path), "dev")
    assert rules_in_force(workspace).asks_requester
    return workspace


def act_as_ann(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an IAM user, act by its key; its ARN."""
    iam = boto3.client("iam", region_name=local_aws.REGION, endpoint_url=local_aws.url())
    arn = str(iam.create_user(UserName="ann")["User"]["Arn"])
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    return arn


def test_aws_says_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own ARN, not that of the role which Karma assumes for everybody; KARMA_USER is a label."""
    local_aws.fresh(monkeypatch)
    arn = act_as_ann(monkeypatch)
    monkeypatch.setenv("KARMA_USER", "boss")
    workspace = opened(tmp_path)
    assert (workspace.actor.user, workspace.actor.proof) == ("boss", "")
    change = request(workspace, {"component": "a/one", "create": {}})
    assert (change.requested_by, change.asked_by, change.proof) == (arn, arn, "aws")


def test_without_credentials_nothing_is_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says what to do, and is logged."""
    local_aws.fresh(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    workspace = opened(tmp_path)
    with pytest.raises(Refused) as caught:
        request(workspace, {"component": "a/one", "create": {}})
    assert (caught.value.code, "KARMA_TOKEN" in caught.value.next_step) == ("identity-unproven", True)
    assert [event.status for event in workspace.log.events(action="access")] == ["denied"]
