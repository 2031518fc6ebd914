"""A Terraform state that is deleted, emptied, replaced or put back: as a file and in S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.plan.document import summary_text
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.acceptance import accept
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests import local_aws

ALL = Selection(everything=True)
A = Selection(targets=("box/a",))
LOCAL = f'[environments.test]\nregion = "{local_aws.REGION}"\n'
IN_S3 = f"""{LOCAL}terraform_state = "s3"
[environments.test.aws]
endpoint_url = "{{url}}"
bucket = "{local_aws.BUCKET}"
requests_per_second = 1000
"""
MODULE = """
variable "config" { type = any }
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = [var.config, var.dependencies]
}
output "runtime" {
  value = { id = terraform_data.this.id, size = try(var.config.size, 0) }
}
"""


class Project:
    """box/a ← box/b, and box/c, deployed; `read` and `write` reach their states past Karma and Terraform."""

    def __init__(self, root: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.s3: Any = None
        settings = LOCAL
        if where == "s3":
            access = local_aws.fresh(monkeypatch)
            local_aws.bucket(access)
            self.s3 = local_aws.api(access, "s3")
            settings = IN_S3.format(url=local_aws.url())
        (root / "karma.toml").write_text(settings)
        (root / "components/box").mkdir(parents=True)
        (root / "components/box/main.tf").write_text(MODULE)
        self.configure("a", size=1)
        self.configure("b", box_nickname="a")
        self.configure("c")
        self.deploy("succeeded")

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")

    def configure(self, nickname: str, **config: Any) -> None:
        """Write and publish a config."""
        path = self.root / f"iac/test/box/{nickname}/config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))
        publish(self.workspace())

    def deploy(self, expected: str) -> dict[str, str]:
        """Deploy everything; how each component ended."""
        result = deploy(self.workspace(), ALL, ThreadExecutor)
        assert result.status == expected, result
        return {c.address: str(c.status) for c in result.components}

    def _file(self, nickname: str) -> Path:
        return self.root / f".karma/test/tfstate/box/{nickname}/terraform.tfstate"

    def _object(self, nickname: str) -> dict[str, str]:
        listed = self.s3.call("list_objects_v2", Bucket=local_aws.BUCKET)["Contents"]
        key = next(o["Key"] for o in listed if o["Key"].endswith(f"box/{nickname}/terraform.tfstate"))
        return {"Bucket": local_aws.BUCKET, "Key": key}

    def read(self, nickname: str) -> bytes:
        """The state."""
        if self.s3 is None:
            return self._file(nickname).read_bytes()
        found: bytes = self.s3.content(**self._object(nickname))
        return found

    def write(self, nickname: str, content: bytes | None, place: dict[str, str] | None = None) -> None:
        """Replace the state; None deletes it."""
        if self.s3 is None and content is None:
            self._file(nickname).unlink()
        elif self.s3 is None:
            self._file(nickname).write_bytes(content or b"")
        elif content is None:
            self.s3.call("delete_object", **self._object(nickname))
        else:
            self.s3.call("put_object", **(place or self._object(nickname)), Body=content)

    def place(self, nickname: str) -> dict[str, str] | None:
        """Where the object is, so that it can be put back."""
        return self._object(nickname) if self.s3 is not None else None


@pytest.fixture(params=["local", "s3"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A deployed project."""
    return Project(tmp_path, request.param, monkeypatch)


def emptied(state: bytes) -> bytes:
    """The state after `terraform state rm` of all that is in it."""
    document = json.loads(state)
    return json.dumps({**document, "serial": document["serial"] + 1, "resources": [], "outputs": {}}).encode()


def shown(project: Project) -> dict[str, str]:
    """Address → action of a plan of everything, which never says that there are no changes."""
    made = plan(project.workspace(), ALL)
    assert "No changes" not in summary_text(made)
    return {c.address: str(c.action) for c in made.components}


def blocked_by(project: Project, code: str) -> None:
    """Plan, deploy and drift all say this of box/a, and none of them does anything to it."""
    assert shown(project) == {"box/a": "blocked", "box/b": "blocked", "box/c": "no-op"}
    assert project.deploy("blocked") == {"box/a": "blocked", "box/b": "blocked", "box/c": "unchanged"}
    checked = check_drift(project.workspace(), A).components
    assert [(str(c.status), code in c.reason) for c in checked] == [(code, True)]


Harm = Callable[[bytes, bytes, bytes], bytes | None]
"""Of box/a's state as it is, as it was one deploy ago, and box/c's: what stands in its place."""
HARMS: dict[str, tuple[str, Harm]] = {
    "deleted": ("state-lost", lambda _now, _old, _other: None),
    "emptied": ("state-lost", lambda now, _old, _other: emptied(now)),
    "foreign": ("state-lost", lambda _now, _old, other: other),
    "older": ("state-older", lambda _now, old, _other: old),
}


def test_no_state_is_relied_on_that_is_not_the_applied_one(project: Project) -> None:
    """Whatever happened to it, until it is restored: then everything is as before."""
    old = project.read("a")
    project.configure("a", size=2)
    project.deploy("succeeded")
    now, other, place = project.read("a"), project.read("c"), project.place("a")
    for code, harm in HARMS.values():
        project.write("a", harm(now, old, other))
        blocked_by(project, code)
        project.write("a", now, place)
        made = plan(project.workspace(), ALL)
        assert {str(c.action) for c in made.components} == {"no-op"}
    assert [str(c.status) for c in check_drift(project.workspace(), A).components] == ["clean"]


def test_a_lost_state_that_is_accepted_is_created_anew(project: Project) -> None:
    """Its destroy is refused before; after, a plan shows the create, and a deploy does it."""
    project.write("a", None)
    only = Selection(targets=("box/a", "box/b"))
    destroyed = plan_destroy(project.workspace(), only).components
    assert {c.address: str(c.action) for c in destroyed} == {"box/a": "blocked", "box/b": "destroy"}
    result = destroy(project.workspace(), only, ThreadExecutor)
    ended = {c.address: str(c.status) for c in result.components}
    assert ended == {"box/a": "blocked", "box/b": "destroyed"}
    assert result.status == "blocked"
    accept(project.workspace(), "state:box/a")
    assert shown(project) == {"box/a": "create", "box/b": "create", "box/c": "no-op"}
    assert project.deploy("succeeded")["box/a"] == "applied"
    record = project.workspace().state.applied("box/a")
    assert record is not None
    assert record.state is not None
    assert record.state.resources == 1
    assert record.state.serial == json.loads(project.read("a"))["serial"]


def test_a_lost_runtime_comes_from_the_state(project: Project) -> None:
    """It is published again without an apply, and the consumer stays as it is."""
    name = "/iac/box/a/runtime"
    before = project.workspace().parameters.get(name)
    assert before is not None
    state = project.read("a")
    project.workspace().parameters.delete([name])
    assert shown(project) == {"box/a": "update", "box/b": "no-op", "box/c": "no-op"}
    assert project.deploy("succeeded") == {"box/a": "applied", "box/b": "unchanged", "box/c": "unchanged"}
    after = project.workspace().parameters.get(name)
    assert after is not None
    assert after.value == before.value
    assert project.read("a") == state
