"""Modules that write their runtimes themselves, on the real AWS provider against a local AWS.

Whatever Karma does (deploy, plan, deploy again, check for drift, build the graph, deploy a change of another
part), it writes none of these parameters: SSM counts every write as a version.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.records import Parameter, ParameterWrite
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests import local_aws
from tests.integration import aws_provider
from tests.memory_system import statuses

pytestmark = pytest.mark.timeout(900)
ALL = Selection(everything=True)
MODULES = Path(__file__).parents[1] / "data" / "self-writing"
SETTINGS = """
[environments.test]
region = "eu-central-1"
parameters = "ssm"
[environments.test.aws]
endpoint_url = "{url}"
requests_per_second = 1000
"""
PROVIDER = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
  endpoints {{
    ssm = "{url}"
  }}
}}
"""
CONFIGS: dict[str, dict[str, Any]] = {
    "site/www": {"domain": "example.org"},
    "functions/tools": {"functions": {"mail": {"memory": 128}, "size": {"memory": 256}}},
    "zone/root": {"zone_name": "example.org"},
    "switched/on": {"text": "x", "publish": True},
    "switched/off": {"text": "x"},
    "formatted/web": {"text": "x"},
    "nested/deep": {"text": "x"},
    "both/web": {"text": "x"},
}
BY_MODULE = {
    *{"both/web", "formatted/web", "lambda/mail", "lambda/size"},
    *{"nested/deep", "site/www", "switched/on", "zone/root"},
}
BY_KARMA = {"functions/tools": {"count": 2}, "switched/off": {"by": "karma"}}


class Project:
    """The modules of tests/data, with the provider of a local AWS."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "karma.toml").write_text(SETTINGS.format(url=local_aws.url()))
        shutil.copytree(MODULES, root / "components")
        for address in CONFIGS:
            folder = root / "components" / address.partition("/")[0]
            (folder / "provider.tf").write_text(PROVIDER.format(url=local_aws.url()))

    def configure(self, configs: dict[str, dict[str, Any]]) -> None:
        """Write configs and publish them."""
        for address, config in configs.items():
            path = self.root / "iac" / "test" / address / "config.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(config))
        publish(self.workspace())

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")

    def runtimes(self, addresses: set[str]) -> dict[str, Parameter]:
        """The runtimes as the store has them, values, versions and descriptions."""
        store = self.workspace().parameters
        found = {a: store.get(f"/iac/{a}/runtime", decrypt=True) for a in sorted(addresses)}
        assert None not in found.values(), found
        return {address: one for address, one in found.items() if one is not None}

    def deploy(self) -> dict[str, str]:
        """Deploy everything."""
        return statuses(deploy(self.workspace(), ALL, ThreadExecutor))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The modules, and nothing deployed."""
    local_aws.fresh(monkeypatch)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", aws_provider.required())
    return Project(tmp_path)


def test_what_a_module_writes_stays_byte_for_byte(project: Project) -> None:
    """Through deploy, plan, deploy, drift, build and the deploy of a change that does not concern it."""
    project.configure(CONFIGS)
    assert project.deploy() == dict.fromkeys(CONFIGS, "applied")
    written = project.runtimes(BY_MODULE)
    assert {one.version for one in written.values()} == {1}
    assert json.loads(written["site/www"].value or "")["big"] == 18_000_000_000_000_000_000
    assert json.loads(written["both/web"].value or "") == {"password": "for x"}
    published = project.runtimes(set(BY_KARMA))
    assert {a: json.loads(one.value or "") for a, one in published.items()} == BY_KARMA

    assert {c.action for c in plan(project.workspace(), ALL).components} == {"no-op"}
    assert project.deploy() == dict.fromkeys(CONFIGS, "unchanged")
    checked = check_drift(project.workspace())
    assert {c.address: (c.status, c.runtime) for c in checked.components} == dict.fromkeys(
        CONFIGS, ("clean", ())
    )
    assert build_graph(project.workspace()).errors == ()
    assert project.runtimes(BY_MODULE) == written

    module = project.root / "components" / "site" / "main.tf"
    module.write_text(f"{module.read_text()}\n# an edit that changes nothing in the cloud\n")
    assert project.deploy()["site/www"] == "unchanged"
    assert project.runtimes(BY_MODULE) == written


def test_the_writer_may_change(project: Project) -> None:
    """Where the module stops to write the runtime, Karma publishes the outputs."""
    project.configure({"switched/on": CONFIGS["switched/on"]})
    project.deploy()
    project.configure({"switched/on": {"text": "x", "publish": False}})
    assert project.deploy() == {"switched/on": "applied"}
    [runtime] = project.runtimes({"switched/on"}).values()
    assert json.loads(runtime.value or "") == {"by": "karma"}


def test_what_karma_once_wrote_over_a_runtime_is_set_right(project: Project) -> None:
    """A drift check finds it, as it finds anybody's edit, and the next deploy restores the module's bytes."""
    project.configure({"site/www": CONFIGS["site/www"]})
    project.deploy()
    before = project.runtimes({"site/www"})["site/www"].value
    project.workspace().parameters.put([ParameterWrite(name="/iac/site/www/runtime", value="{}")])
    [checked] = check_drift(project.workspace()).components
    assert checked.status == "drifted"
    assert project.deploy() == {"site/www": "applied"}
    assert project.runtimes({"site/www"})["site/www"].value == before
