"""The whole job with every store in AWS, over the wire and with a real Terraform, as on the embedded one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.aws import state_table
from karma_log.sinks import dynamodb_table
from tests import fork_server, local_aws
from tests.small_systems import APP, HEAD, NET

ROOT = Path(__file__).parents[2]
LOCAL = '[project]\norchestrator = "direct"\n[environments.dev]\nregion = "eu-central-1"\n'
IN_AWS = f"""
parameters = "ssm"
state = "dynamodb"
artifacts = "s3"
terraform_state = "s3"
[environments.dev.aws]
endpoint_url = "{{url}}"
state_table = "{local_aws.STATE}"
log_table = "{local_aws.EVENTS}"
bucket = "{local_aws.BUCKET}"
requests_per_second = 1000
[log]
sinks = ["dynamodb", "s3", "file"]
required = "dynamodb"
"""


class Project:
    """A net and an app that consumes it, worked on by command line."""

    def __init__(self, root: Path, settings: str) -> None:
        self.root = root
        for component_type, body in (("net", NET), ("app", APP)):
            module = root / "components" / component_type
            module.mkdir(parents=True)
            (module / "main.tf").write_text(f'terraform {{\n  backend "s3" {{}}\n}}\n{HEAD}{body}', "utf-8")
        (root / "karma.toml").write_text(settings, "utf-8")
        self.config("net/core", cidr="10.0.0.0/16")
        self.config("app/web", net_nickname="core")

    def config(self, address: str, **values: Any) -> None:
        """Write a config."""
        path = self.root / "iac" / "dev" / address / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")

    def karma(self, *words: str, code: int = 0) -> Any:
        """What a command prints as JSON; its exit code is checked."""
        ended = fork_server.python(
            ["-m", "karma_cli", *words, "--json"],
            folder=self.root,
            variables={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout_seconds=120,
        )
        assert ended.returncode == code, ended.stderr + ended.stdout
        return json.loads(ended.stdout)

    def deploy(self) -> dict[str, str]:
        """Publish, build and deploy everything; the status of each component."""
        self.karma("config", "publish")
        self.karma("graph", "build")
        done = self.karma("deploy", "--all", "--auto-approve")
        return {component["address"]: component["status"] for component in done["components"]}

    def graph(self) -> Any:
        """What the graph says, apart from what two runs differ in."""
        shown = self.karma("graph", "show")
        nodes = [
            {name: node[name] for name in ("id", "status", "config_version", "runtime_path")}
            for node in shown["nodes"]
        ]
        return nodes, shown["edges"]


@pytest.fixture
def in_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose stores are all in AWS."""
    access = local_aws.fresh(monkeypatch)
    client = local_aws.api(access, "dynamodb")
    client.call("create_table", **state_table.definition(local_aws.STATE))
    client.call("create_table", **dynamodb_table.definition(local_aws.EVENTS))
    local_aws.bucket(access)
    return Project(tmp_path / "aws", LOCAL + IN_AWS.format(url=local_aws.url()))


def test_the_same_job_as_on_the_embedded_stores(in_aws: Project, tmp_path: Path) -> None:
    """Deploys, spares and logs alike; state, parameters and log are in AWS and nowhere else."""
    local = Project(tmp_path / "local", LOCAL)
    applied = {"app/web": "applied", "net/core": "applied"}
    assert in_aws.deploy() == local.deploy() == applied
    assert in_aws.graph() == local.graph()
    for project in (in_aws, local):
        project.config("net/core", cidr="10.0.0.0/16", note="nobody reads this")
    assert in_aws.deploy() == local.deploy() == {"app/web": "cut_off", "net/core": "applied"}
    assert in_aws.karma("log", "verify")["verified"] is True
    kept = {path.name for path in (in_aws.root / ".karma" / "dev").iterdir()}
    assert not kept & {"parameters.sqlite", "state.sqlite", "log.sqlite", "artifacts", "tfstate"}


def test_terraform_locks_and_keeps_its_state_in_the_bucket(
    in_aws: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One object a component, no lock left behind, and another machine finds all of it."""
    in_aws.deploy()
    s3 = local_aws.api(local_aws.Access(region=local_aws.REGION, endpoint_url=local_aws.url()), "s3")
    listed = s3.call("list_objects_v2", Bucket=local_aws.BUCKET)["Contents"]
    states = [item["Key"] for item in listed if "tfstate" in item["Key"]]
    assert states == ["app/web/terraform.tfstate", "net/core/terraform.tfstate"]
    for folder in (in_aws.root / ".karma").iterdir():
        folder.rename(in_aws.root / f"gone-{folder.name}")
    assert set(in_aws.deploy().values()) <= {"unchanged", "cut_off"}
