"""`karma aws create`: tables and buckets are made once, as the settings ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.aws.creation import Creation
from karma_adapters.aws.places import Place, places
from karma_adapters.wiring.settings import AwsSettings, Environment, LogSettings, Settings
from karma_core.errors import Refused
from tests import local_aws
from tests.faulty_aws import faulty_aws
from tests.hurried_botocore import hurry

AWS = {"state_table": "state", "log_table": "log", "bucket": "things", "tfstate_lock_table": "locks"}


def settings(sinks: tuple[str, ...] = ("dynamodb", "s3"), **aws: Any) -> Settings:
    """An environment `dev` with every store in AWS."""
    section = Environment(
        parameters="ssm",
        state="dynamodb",
        artifacts="s3",
        terraform_state="s3",
        region=local_aws.REGION,
        aws=AwsSettings(**{**AWS, **aws}),
    )
    log = LogSettings(sinks=list(sinks), required=sinks[0])  # type: ignore[arg-type]
    return Settings(root=Path(), environments={"dev": section}, log=log)


def wanted(**aws: Any) -> tuple[Place, ...]:
    """What that environment needs."""
    return places(settings(**aws), "dev")


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Access:
    """An account that holds nothing."""
    return local_aws.fresh(monkeypatch)


@pytest.fixture
def creation(access: Access) -> Creation:
    """Creation in that account."""
    return make(access)


def make(access: Access) -> Creation:
    """Creation by the tests' clients."""
    return Creation(local_aws.api(access, "dynamodb"), local_aws.api(access, "s3"), region=local_aws.REGION)


def test_places_are_what_the_settings_use() -> None:
    """A name without a store that uses it is nothing; one bucket may serve several."""
    assert [(p.kind, p.name, p.uses) for p in wanted()] == [
        ("table", "locks", ("terraform_lock",)),
        ("table", "log", ("log",)),
        ("table", "state", ("state",)),
        ("bucket", "things", ("artifacts", "log", "terraform_state")),
    ]
    two = [p.uses for p in wanted(tfstate_bucket="states") if p.kind == "bucket"]
    assert two == [("terraform_state",), ("artifacts", "log")]
    assert places(Settings(root=Path(), environments={"dev": Environment()}), "dev") == ()


def test_what_is_missing_is_created_once(creation: Creation) -> None:
    """Looking creates nothing; creating again finds everything there."""
    assert {made.status for made in creation.look(wanted())} == {"missing"}
    assert {made.status for made in creation.create(wanted())} == {"created"}
    assert {made.status for made in creation.create(wanted())} == {"exists"}


def test_a_bucket_is_private_encrypted_and_versioned(access: Access, creation: Creation) -> None:
    """Nobody has to remember to say so; Object Lock where artifacts are to be locked."""
    creation.create(wanted(object_lock_days=30))
    s3 = local_aws.api(access, "s3")
    blocked = s3.call("get_public_access_block", Bucket="things")["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rules = s3.call("get_bucket_encryption", Bucket="things")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.call("get_bucket_versioning", Bucket="things")["Status"] == "Enabled"
    lock = s3.call("get_object_lock_configuration", Bucket="things")["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"


def test_tables_can_be_restored_and_are_not_deleted(access: Access, creation: Creation) -> None:
    """State and log are what cannot be rebuilt."""
    creation.create(wanted())
    described = local_aws.api(access, "dynamodb").call("describe_continuous_backups", TableName="state")
    recovery = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    table = local_aws.api(access, "dynamodb").call("describe_table", TableName="state")["Table"]
    assert table["DeletionProtectionEnabled"] is True


def test_a_table_that_is_something_else_is_refused(access: Access, creation: Creation) -> None:
    """Its keys are not ours: nothing is written into it."""
    place = next(p for p in wanted() if p.name == "locks")
    local_aws.api(access, "dynamodb").call("create_table", **{**place.definition, "TableName": "state"})
    with pytest.raises(Refused) as caught:
        creation.create(wanted())
    assert caught.value.code == "aws-mismatch"


def test_lost_replies_are_made_up_for(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A creation that happened and was not answered is not an error, and nothing is left out."""
    hurry(monkeypatch)
    with faulty_aws(access.endpoint_url, rates={"lose": 0.4}, seed=4) as proxy:
        near = Access(region=local_aws.REGION, endpoint_url=proxy.url)
        assert {made.status for made in make(near).create(wanted())} == {"created"}
        assert proxy.counted()["lose"] > 2
    assert {made.status for made in make(access).look(wanted())} == {"exists"}
