"""The programs beside `karma`: where they cannot work, they say why and end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = "[environments.dev]\n"
BAD = "[project]\nconfig_dirr = 'iac'\n"
NAMED = ["flows.registration .", "flows.until_saved .", "flows.prefect_server"]
NOBODY = "http://127.0.0.1:9/api"
"""No server listens on the discard port."""


def run(module: str, project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a module in a project, with none of the variables that lead to another one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KARMA_", "PREFECT_"))}
    words = [sys.executable, "-m", *module.split()]
    return subprocess.run(
        words,
        cwd=project,
        env={**kept, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(project / "prefect"), **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("module", ["karma_api", "karma_ui", "flows.worker", *NAMED])
def test_a_wrong_setting_is_said(module: str, tmp_path: Path) -> None:
    """In words, with the place and what to do; exit 2."""
    (tmp_path / "karma.toml").write_text(BAD)
    ended = run(module, tmp_path)
    assert ended.returncode == 2
    assert "project.config_dirr: there is no such key" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_is_registered_at_a_server_that_nobody_named(tmp_path: Path) -> None:
    """Prefect would start one for the moment, and all would be well and gone."""
    (tmp_path / "karma.toml").write_text(GOOD)
    ended = run("flows.registration .", tmp_path)
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (
        2,
        "flows.registration: no Prefect API is known",
    )


def test_registration_says_that_the_server_does_not_answer(tmp_path: Path) -> None:
    """The server that is meant is the one that Karma's setting names, as for everything else."""
    (tmp_path / "karma.toml").write_text(GOOD)
    ended = run("flows.registration .", tmp_path, KARMA_SERVICE__PREFECT_API_URL=NOBODY)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"flows.registration: Karma could not be registered at {NOBODY}\n")
    assert "Traceback" not in ended.stderr
