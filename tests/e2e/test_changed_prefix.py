"""An environment whose prefix is changed in the settings: published anew, or refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command_line import Karma, statuses, write_config
from tests.e2e.conftest import commit, git

SETTINGS = '[environments.dev]\nprefix = "{prefix}"\n'


@pytest.fixture
def moved(tmp_path: Path) -> Karma:
    """A deployed component, after which the prefix was changed."""
    settings = tmp_path / "karma.toml"
    settings.write_text(SETTINGS.format(prefix="/iac"))
    (tmp_path / ".gitignore").write_text(".karma/\n")
    module = tmp_path / "components/box/main.tf"
    module.parent.mkdir(parents=True)
    module.write_text('variable "iac_prefix" {}\noutput "prefix" {\n  value = var.iac_prefix\n}\n')
    write_config(tmp_path, "dev", "box/one", "{}")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    karma = Karma(tmp_path, env="dev")
    karma.json("config", "publish")
    karma.json("graph", "build")
    assert statuses(karma.json("deploy", "--all", "--auto-approve")) == {"box/one": "applied"}
    settings.write_text(SETTINGS.format(prefix="/new"))
    return karma


def test_nothing_is_taken_for_an_environment_of_no_components(moved: Karma) -> None:
    """Refused, exit 4, with both ways out; the graph that was built stays, and what is deployed too."""
    for words in (
        ("graph", "build"),
        ("plan", "--all"),
        ("plan", "--destroy", "--all"),
        ("deploy", "--all", "--auto-approve"),
        ("destroy", "--all", "--auto-approve"),
        ("drift",),
    ):
        ran = moved.refuses(*words, code=4)
        assert ran.error["code"] == "prefix-changed", words
        assert "/iac" in ran.error["why"], words
        assert "karma config publish" in ran.error["next"], words
    assert [node["id"] for node in moved.json("graph", "show")["nodes"]] == ["box/one"]


def test_a_deploy_by_prefect_is_not_called_done_either(moved: Karma) -> None:
    """What finds out that there is nothing to do, without a run, does not say so of such an environment."""
    words = ("deploy", "--all", "--auto-approve")
    ran = moved.refuses(
        *words, code=1, KARMA_PROJECT__ORCHESTRATOR="prefect", PREFECT_API_URL="http://127.0.0.1:9/api"
    )
    assert ran.error["code"] == "prefect"  # it went on to start a run, which is what would be refused


def test_the_next_publish_writes_everything_under_the_new_prefix(moved: Karma) -> None:
    """No file has changed: the index of what was seen knows that it was seen elsewhere. Then all goes on."""
    assert moved.json("config", "publish")["written"] == ["box/one"]
    assert moved.json("graph", "build")["components"] == 1
    assert statuses(moved.json("deploy", "--all", "--auto-approve")) == {"box/one": "applied"}
    assert moved.json("config", "show", "box", "one")["parameter"] == "/new/box/one/config"
    checks = {check["name"]: check["found"] for check in moved.json("doctor")["checks"]}
    assert checks["binding"] == "/new/environment is the environment dev"
