"""The contract of `ports.TerraformStates`: in files, in S3, in memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from threading import Timer

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.terraform.s3_backend import StatePlace
from karma_adapters.terraform.state_files import LocalStates, S3States
from karma_adapters.terraform.work_trees import WorkTrees
from karma_core.ports import TerraformStates
from tests import local_aws
from tests.memory.copies import MemoryStates


def made(serial: int) -> bytes:
    """A state of that serial."""
    return json.dumps({"version": 4, "serial": serial, "lineage": "a"}).encode()


@pytest.fixture(params=["files", "s3", "s3-below-a-folder", "memory"])
def states(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TerraformStates:
    """Every adapter in turn, empty."""
    if request.param == "memory":
        return MemoryStates()
    trees = WorkTrees(tmp_path / "work")
    if request.param == "files":
        return LocalStates(tmp_path / "new", trees)
    prefix = "states/dev" if request.param == "s3-below-a-folder" else ""
    return in_s3(local_aws.fresh(monkeypatch), StatePlace(bucket=local_aws.BUCKET, prefix=prefix), trees)


def in_s3(access: Access, place: StatePlace, trees: WorkTrees) -> S3States:
    """States in a new bucket."""
    return S3States(local_aws.bucket(access), local_aws.api(access, "dynamodb"), place, trees)


def test_before_the_first_state(states: TerraformStates) -> None:
    """No component has one."""
    assert states.addresses() == ()
    assert states.read("vpc/core") is None


def test_a_state_comes_back_as_it_was(states: TerraformStates) -> None:
    """Byte for byte; it replaces the one before, and addresses are sorted."""
    for address, serial in (("vpc/core", 1), ("alb/web", 1), ("vpc/core", 2)):
        states.write(address, made(serial))
    assert states.addresses() == ("alb/web", "vpc/core")
    assert states.read("vpc/core") == made(2)


@pytest.mark.parametrize("kind", ["files", "s3"])
def test_a_state_that_was_kept_aside_is_the_newest(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply that could not write its state left it in its working directory; a write takes its place."""
    aside = tmp_path / "work" / "vpc" / "core" / "0123" / "components" / "vpc" / "errored.tfstate"
    aside.parent.mkdir(parents=True)
    trees = WorkTrees(tmp_path / "work")
    states: TerraformStates = LocalStates(tmp_path / "new", trees)
    if kind == "s3":
        states = in_s3(local_aws.fresh(monkeypatch), StatePlace(bucket=local_aws.BUCKET), trees)
    states.write("vpc/core", made(1))
    aside.write_bytes(made(2))
    assert states.read("vpc/core") == made(2)
    states.write("vpc/core", made(3))
    assert states.read("vpc/core") == made(3)
    assert not aside.exists()


def test_an_empty_state_file_is_none(tmp_path: Path) -> None:
    """Terraform makes one to lock it, before the first apply."""
    states = LocalStates(tmp_path, WorkTrees(tmp_path / "work"))
    place = tmp_path / "vpc" / "core"
    place.mkdir(parents=True)
    (place / "terraform.tfstate").touch()
    assert states.addresses() == ()
    assert states.read("vpc/core") is None


@pytest.mark.parametrize("there", [b"", b'{"version": 4, "ser'])
def test_a_state_that_is_being_written_is_read_again(tmp_path: Path, there: bytes) -> None:
    """Terraform empties the file, then writes: without the state its resources would be made twice."""
    states = LocalStates(tmp_path, WorkTrees(tmp_path / "work"))
    states.write("vpc/core", made(1))
    path = tmp_path / "vpc" / "core" / "terraform.tfstate"
    (path.parent / ".terraform.tfstate.lock.info").touch()
    path.write_bytes(there)
    writer = Timer(0.1, lambda: path.write_bytes(made(2)))
    writer.start()
    assert states.addresses() == ("vpc/core",)
    assert states.read("vpc/core") == made(2)
    writer.join()


def test_a_damaged_state_is_copied_as_it_is(tmp_path: Path) -> None:
    """Nobody writes it: its component is blocked now, and will be after a restore; the others are copied."""
    states = LocalStates(tmp_path, WorkTrees(tmp_path / "work"))
    states.write("vpc/core", b"{half")
    assert states.read("vpc/core") == b"{half"


def test_the_table_of_locks_learns_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform compares the state that it reads with the MD5 there, and refuses another one."""
    access = local_aws.fresh(monkeypatch)
    key = [{"AttributeName": "LockID", "KeyType": "HASH"}]
    kinds = [{"AttributeName": "LockID", "AttributeType": "S"}]
    dynamodb = local_aws.api(access, "dynamodb")
    dynamodb.call(
        "create_table",
        TableName="locks",
        KeySchema=key,
        AttributeDefinitions=kinds,
        BillingMode="PAY_PER_REQUEST",
    )
    place = StatePlace(bucket=local_aws.BUCKET, prefix="dev", lock_table="locks")
    in_s3(access, place, WorkTrees(tmp_path)).write("vpc/core", made(7))
    wanted = {"LockID": {"S": f"{local_aws.BUCKET}/dev/vpc/core/terraform.tfstate-md5"}}
    item = dynamodb.call("get_item", TableName="locks", Key=wanted)["Item"]
    assert item["Digest"]["S"] == hashlib.md5(made(7), usedforsecurity=False).hexdigest()
