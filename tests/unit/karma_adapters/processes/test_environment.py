"""Which variables children get."""

from __future__ import annotations

from pathlib import Path

from karma_adapters.processes import environment as child_environment


def test_only_listed_variables_pass(tmp_path: Path) -> None:
    """Tool options, variables of modules and strangers do not; more can be named."""
    config = tmp_path / "rc"
    config.touch()
    given = {
        "PATH": "/bin",
        "AWS_PROFILE": "x",
        "LC_ALL": "C",
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_VAR_config": "{}",
        "TF_DATA_DIR": "/x",
        "TF_CLI_CONFIG_FILE": str(config),
        "LD_PRELOAD": "evil.so",
        "GITHUB_TOKEN": "t",
    }
    passed = child_environment.allowed(given)
    assert sorted(passed) == ["AWS_PROFILE", "LC_ALL", "PATH", "TF_CLI_CONFIG_FILE"]
    assert "GITHUB_TOKEN" in child_environment.allowed(given, ["GITHUB_*"])


def test_a_config_file_that_does_not_exist_is_dropped(tmp_path: Path) -> None:
    """Terraform would warn at every call."""
    assert child_environment.allowed({"TF_CLI_CONFIG_FILE": str(tmp_path / "absent")}) == {}
