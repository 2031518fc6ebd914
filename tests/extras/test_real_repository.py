"""A public repository of configs, as it is: published, built and validated, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.command_line import Karma
from tests.e2e.test_sample_repository import SETTINGS

DATA = Path(os.environ["KARMA_TEST_DATA"]) / "config-repo"
ENVIRONMENTS = sorted(folder.name for folder in (DATA / "iac").iterdir() if folder.is_dir())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_config_is_a_component_and_nothing_is_an_error(tmp_path: Path, environment: str) -> None:
    """Every file is published once and stands in the graph; a second publish writes nothing."""
    shutil.copytree(DATA / "iac", tmp_path / "iac", copy_function=shutil.copyfile)
    (tmp_path / "karma.toml").write_text(SETTINGS)
    configs = sorted((DATA / "iac" / environment).glob("*/*/config.json"))
    assert configs
    karma = Karma(tmp_path, env=environment)
    assert len(karma.json("config", "publish")["written"]) == len(configs)
    built = karma.json("graph", "build")
    assert (built["status"], built["components"]) == ("published", len(configs))
    assert [f for f in built["findings"] if f["severity"] == "error"] == []
    assert karma.json("config", "publish")["written"] == []
