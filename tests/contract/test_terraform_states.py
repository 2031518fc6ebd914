"""The contract of `ports.TerraformStates`: in files, in S3, in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    bucket = local_aws.bucket(local_aws.fresh(monkeypatch))
    return S3States(bucket, StatePlace(bucket=local_aws.BUCKET, prefix=prefix), trees)


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
        place = StatePlace(bucket=local_aws.BUCKET)
        states = S3States(local_aws.bucket(local_aws.fresh(monkeypatch)), place, trees)
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
