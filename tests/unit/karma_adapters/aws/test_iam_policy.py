"""The least policy: what the settings use, and nothing of other environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from karma_adapters.aws.iam_policy import EVENTS, policy
from karma_adapters.wiring.settings import AwsSettings, Environment, Settings
from tests.unit.karma_adapters.aws.test_creation import settings


def statements(**aws: Any) -> dict[str, Any]:
    """Statements by their ids."""
    return {statement["Sid"]: statement for statement in policy(settings(**aws), "dev")["Statement"]}


def test_nothing_is_needed_where_nothing_is_in_aws() -> None:
    """An embedded environment needs no account."""
    assert policy(Settings(root=Path(), environments={"dev": Environment()}), "dev")["Statement"] == []


def test_only_the_own_prefix_keys_and_folders() -> None:
    """Tables and buckets may be shared: each statement is bound to the environment."""
    by_sid = statements(tfstate_prefix="dev/tf")
    assert by_sid["Parameters"]["Resource"][1] == "arn:aws:ssm:eu-central-1:*:parameter/iac/*"
    for sid in ("State", "Log"):
        assert by_sid[sid]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["dev", "dev#*"]
    assert by_sid["ArtifactsAndLog"]["Resource"] == ["arn:aws:s3:::things/dev/*"]
    assert by_sid["TerraformStates"]["Resource"] == ["arn:aws:s3:::things/dev/tf/*"]


def test_events_and_artifacts_cannot_be_deleted() -> None:
    """The log is append-only also for whoever has Karma's own rights."""
    assert not [a for a in EVENTS if "Delete" in a or "Update" in a]
    assert "s3:DeleteObject" not in statements(tfstate_prefix="x")["ArtifactsAndLog"]["Action"]


def test_account_partition_key_and_locks_follow_the_settings() -> None:
    """A role's account, a KMS key, Object Lock."""
    by_sid = statements(
        role_arn="arn:aws:iam::123456789012:role/karma", kms_key_id="1234", object_lock_days=7
    )
    assert by_sid["Encryption"]["Resource"] == ["arn:aws:kms:eu-central-1:123456789012:key/1234"]
    assert "s3:PutObjectRetention" in by_sid["ArtifactsAndLog"]["Action"]
    china = Environment(parameters="ssm", region="cn-north-1")
    listed = policy(Settings(root=Path(), environments={"dev": china}), "dev")["Statement"]
    assert listed[0]["Resource"][0] == "arn:aws-cn:ssm:cn-north-1:*:parameter/iac"


def test_neptune_is_granted_where_connections_are_signed() -> None:
    """An endpoint without IAM authentication needs no statement."""
    signed = Environment(graph="gremlin", gremlin_url="wss://n:8182/gremlin", gremlin_auth="sigv4")
    granted = policy(Settings(root=Path(), environments={"dev": signed}), "dev")["Statement"]
    assert [statement["Sid"] for statement in granted] == ["Graph"]


def test_the_loader_is_granted_where_there_is_a_role_for_it() -> None:
    """Jobs of the cluster, and files below its own folder alone: nothing else there can be deleted."""
    loading = Environment(
        graph="gremlin",
        gremlin_url="wss://n:8182/gremlin",
        gremlin_load_role="arn:aws:iam::123456789012:role/load",
        aws=AwsSettings(bucket="things"),
    )
    granted = policy(Settings(root=Path(), environments={"dev": loading}), "dev")["Statement"]
    by_sid = {statement["Sid"]: statement for statement in granted}
    assert list(by_sid) == ["GraphLoader", "GraphFiles"]
    assert {action.partition(":")[0] for action in by_sid["GraphLoader"]["Action"]} == {"neptune-db"}
    assert by_sid["GraphFiles"]["Resource"] == ["arn:aws:s3:::things/dev/load/*"]
