"""Everything is lost in AWS, and a backup brings it back: every store over the wire, real Terraform."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.aws.access import Access
from tests import local_aws
from tests.e2e.boxes import MODULE
from tests.e2e.command_line import Karma, edit_config, write_config

pytestmark = pytest.mark.timeout(900)
CONFIGS: dict[str, dict[str, Any]] = {"box/a": {"x": 1}, "box/b": {"y": 2, "box_nickname": "a"}}
SETTINGS = """\
[project]
orchestrator = "direct"

[environments.dev]
region = "eu-central-1"
parameters = "ssm"
state = "dynamodb"
artifacts = "s3"
terraform_state = "s3"

[environments.dev.aws]
state_table = "karma-state"
log_table = "karma-log"
bucket = "karma-example"
tfstate_prefix = "dev/tfstate"
requests_per_second = 1000

[log]
sinks = ["dynamodb", "s3"]
required = "dynamodb"
"""


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Access:
    """An account that holds nothing but a bucket for backups."""
    access = local_aws.fresh(monkeypatch)
    make_bucket(access)
    return access


def make_bucket(access: Access) -> None:
    """The bucket for backups."""
    place = {"LocationConstraint": local_aws.REGION}
    local_aws.api(access, "s3").call("create_bucket", Bucket="backups", CreateBucketConfiguration=place)


@pytest.fixture
def karma(access: Access, tmp_path: Path) -> Karma:
    """A project with two deployed boxes, whose every store is in AWS."""
    (tmp_path / "components" / "box").mkdir(parents=True)
    (tmp_path / "components" / "box" / "main.tf").write_text(MODULE)
    (tmp_path / "karma.toml").write_text(SETTINGS)
    for address, config in CONFIGS.items():
        write_config(tmp_path, "dev", address, json.dumps(config))
    endpoint = {"KARMA_ENVIRONMENTS__DEV__AWS__ENDPOINT_URL": access.endpoint_url}
    karma = Karma(tmp_path, "dev").under(**endpoint)
    karma.json("aws", "create", "--auto-approve")
    karma.json("config", "publish")
    karma.json("deploy", "--all", "--auto-approve")
    edit_config(tmp_path, "dev", "box/a", x=2)
    karma.json("config", "publish")
    karma.json("deploy", "--all", "--auto-approve")
    return karma


def lose_everything(karma: Karma, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new account and a new checkout: only the backups' bucket is as it was."""
    backups = local_aws.api(Access(region=local_aws.REGION, endpoint_url=local_aws.url()), "s3")
    content = backups.content(Bucket="backups", Key="dev/monday.zip")
    access = local_aws.fresh(monkeypatch)
    make_bucket(access)
    backups.call("put_object", Bucket="backups", Key="dev/monday.zip", Body=content)
    shutil.rmtree(karma.project / ".karma")
    karma.json("aws", "create", "--auto-approve")


def boxes(access: Access) -> dict[str, str]:
    """Address → id of its resource, by the states in S3."""
    found = {}
    for address in CONFIGS:
        key = f"dev/tfstate/{address}/terraform.tfstate"
        state = json.loads(local_aws.api(access, "s3").content(Bucket="karma-example", Key=key))
        found[address] = state["resources"][0]["instances"][0]["attributes"]["id"]
    return found


def test_everything_lost(karma: Karma, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the restore nothing would change, and the log is intact in both of its sinks."""
    before = boxes(access)
    place = "s3://backups/dev/monday.zip"
    taken = karma.json("backup", "--to", place)
    assert taken["counts"]["terraform_states"] == 2
    assert not any("tfstate" in key for key in artifacts(karma, place)), "states are no artifacts"
    assert karma.refuses("backup", "--to", place, code=4).error["code"] == "backup-exists"
    inside = "s3://karma-example/dev/monday.zip"
    assert karma.refuses("backup", "--to", inside, code=2).error["code"] == "usage"
    lose_everything(karma, monkeypatch)
    karma.json("restore", place)
    plan = karma.json("plan", "--all", "--detailed-exitcode")
    assert {found["action"] for found in plan["components"]} == {"no-op"}
    verified = karma.json("log", "verify")
    assert [sink["result"]["verified"] for sink in verified["sinks"]] == [True, True]
    assert boxes(access) == before
    shown = karma.json("config", "show", "box", "a")
    assert shown["version"] == 2
    edit_config(karma.project, "dev", "box/b", y=3)
    karma.json("config", "publish")
    karma.json("deploy", "--changed", "--auto-approve")
    assert boxes(access) == before


def artifacts(karma: Karma, place: str) -> list[str]:
    """Keys of the artifacts of a backup in S3."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    access = Access(region=local_aws.REGION, endpoint_url=local_aws.url())
    path = karma.project / "fetched.zip"
    path.write_bytes(local_aws.api(access, "s3").content(Bucket=bucket, Key=key))
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.startswith("artifacts/")]
