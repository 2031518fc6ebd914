"""A lock on a state in S3, as a Terraform that was cut off leaves it: known by its facts, and released."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.modules.directory import ModuleDirectory
from karma_adapters.processes import environment as child_environment
from karma_adapters.processes.children import Processes
from karma_adapters.terraform.runner import TerraformRunner
from karma_adapters.terraform.runner_options import Directories, Seconds
from karma_adapters.terraform.s3_backend import S3Backend, StatePlace
from karma_core.errors import DeployFailed
from karma_core.records import TerraformJob
from tests import local_aws
from tests.terraform_system import engines_of

LOCK = {
    "ID": "b1a5d9f2-7d0b-3f5e-6a57-0d2f4d8c9e11",
    "Operation": "OperationTypeApply",
    "Info": "",
    "Who": "karma@worker-7",
    "Version": "1.11.4",
    "Created": "2026-11-24T12:00:01.123456789Z",
    "Path": f"{local_aws.BUCKET}/box/a/terraform.tfstate",
}


def test_a_lock_is_known_by_its_facts_and_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time and id come from Terraform's words; released by its id alone, the state can be planned again."""
    access: Access = local_aws.fresh(monkeypatch)
    s3 = local_aws.bucket(access)
    (tmp_path / "components/box").mkdir(parents=True)
    (tmp_path / "components/box/main.tf").write_text(
        'terraform {\n  backend "s3" {}\n}\nresource "terraform_data" "a" {\n}\n'
    )
    modules = ModuleDirectory(tmp_path / "components", archive=tmp_path / "archive", cache=tmp_path / "cache")
    place = StatePlace(bucket=local_aws.BUCKET, local=True)
    terraform = TerraformRunner(
        engines_of("terraform", tmp_path / "cache", child_environment.allowed(os.environ)),
        modules=modules,
        backend=S3Backend(s3, place),
        directories=Directories.below(tmp_path / "terraform"),
        environment=child_environment.allowed(os.environ),
        processes=Processes(),
        seconds=Seconds(lock=1),
        access=access.environment,
    )
    module = modules.module("box")
    assert module is not None
    job = TerraformJob(address="box/a", module=module, variables={})
    s3.call(
        "put_object",
        Bucket=local_aws.BUCKET,
        Key="box/a/terraform.tfstate.tflock",
        Body=json.dumps(LOCK).encode(),
    )
    with pytest.raises(DeployFailed) as caught:
        terraform.plan(job)
    assert caught.value.code == "state-locked"
    assert caught.value.facts["lock"] == {
        "id": LOCK["ID"],
        "operation": "OperationTypeApply",
        "who": "karma@worker-7",
        "created": "2026-11-24T12:00:01.123456+00:00",
    }
    assert caught.value.facts["may_save_seconds"] == 600  # it was taken on another machine
    terraform.unlock(job, LOCK["ID"])
    assert terraform.plan(job).action == "create"
