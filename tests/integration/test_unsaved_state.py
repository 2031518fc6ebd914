"""An apply whose state cannot be written: what it did is not done again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import StoreError
from karma_core.records import JournalEntry
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy, resume
from karma_core.use_cases.runs.records import RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests import local_aws

ALL = Selection(everything=True)
SETTINGS = f"""
[environments.test]
region = "{local_aws.REGION}"
terraform_state = "s3"
parallelism = 2
[environments.test.aws]
endpoint_url = "{{url}}"
bucket = "{local_aws.BUCKET}"
requests_per_second = 1000
"""
MODULE = """
terraform {{
  backend "s3" {{}}
}}
variable "config" {{ type = any }}
resource "terraform_data" "this" {{
  input = var.config
  provisioner "local-exec" {{
    command = <<-EOT
      echo done >>{done}
      while [ "$(wc -l <{done})" -lt 2 ]; do sleep 0.05; done
      {python} -c "{lose}"
    EOT
  }}
}}
output "runtime" {{
  value = {{ id = terraform_data.this.id }}
}}
"""
LOSE = (
    "import os, urllib.request as u; "
    "os.path.exists('{healthy}') or u.urlopen(u.Request('{url}/moto-api/reset', b''))"
)


class Project:
    """Two components of one type, whose applies, both under way, take away the bucket of the states."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.access = local_aws.fresh(monkeypatch)
        local_aws.bucket(self.access)
        lose = LOSE.format(healthy=root / "healthy", url=local_aws.url())
        (root / "karma.toml").write_text(SETTINGS.format(url=local_aws.url()))
        (root / "components/box").mkdir(parents=True)
        text = MODULE.format(done=root / "done", python=sys.executable, lose=lose)
        (root / "components/box/main.tf").write_text(text)
        for name in ("a", "b"):
            path = root / f"iac/test/box/{name}/config.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"name": name}))
        publish(self.workspace())

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")

    def heal(self) -> None:
        """The bucket is there again, and stays."""
        (self.root / "healthy").touch()
        local_aws.bucket(self.access)

    def unsaved(self) -> list[Path]:
        """States that were kept aside."""
        return sorted((self.root / ".karma/test/work").rglob("errored.tfstate"))

    def recovering(self, run_id: str) -> Iterator[tuple[str, str]]:
        """(address, status) of the journal's entries on taking up a state."""
        entries: tuple[JournalEntry, ...] = self.workspace().state.entries(run_id=run_id)
        yield from sorted((e.address, e.status) for e in entries if e.step == "recover_state")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Nothing deployed yet."""
    return Project(tmp_path, monkeypatch)


def _statuses(result: RunResult) -> dict[str, str]:
    return {c.address: c.status for c in result.components}


def test_a_state_that_could_not_be_written_is_taken_up_by_the_resumed_run(project: Project) -> None:
    """Both were applied, neither state written: each is pushed where it belongs, and nothing runs twice."""
    failed = deploy(project.workspace(), ALL, ThreadExecutor)
    assert _statuses(failed) == {"box/a": "failed", "box/b": "failed"}
    assert len(project.unsaved()) == 2
    errors = [e.inputs["error"]["code"] for e in project.workspace().log.events(action="terraform_apply")
              if e.status == "failed"]  # fmt: skip
    assert errors == ["state-unsaved"] * 2
    assert len((project.root / "done").read_text().split()) == 2

    project.heal()
    resumed = resume(project.workspace(), failed.run_id, ThreadExecutor)
    assert resumed.status == "succeeded", resumed
    assert project.unsaved() == []
    assert len((project.root / "done").read_text().split()) == 2
    assert list(project.recovering(failed.run_id)) == [
        ("box/a", "started"), ("box/a", "succeeded"), ("box/b", "started"), ("box/b", "succeeded"),
    ]  # fmt: skip
    events = [(e.component, e.status) for e in project.workspace().log.events(action="state_recover")]
    assert sorted(events) == list(project.recovering(failed.run_id))
    assert not plan(project.workspace(), ALL).changes


def test_while_the_place_of_states_is_gone_nothing_is_planned(project: Project) -> None:
    """A resumed run that cannot bring the state back ends there, and keeps it."""
    failed = deploy(project.workspace(), ALL, ThreadExecutor)
    with pytest.raises(StoreError):
        resume(project.workspace(), failed.run_id, ThreadExecutor)
    assert len(project.unsaved()) == 2
    assert len((project.root / "done").read_text().split()) == 2
