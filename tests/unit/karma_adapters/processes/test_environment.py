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


def test_relative_paths_count_from_where_they_were_written(tmp_path: Path) -> None:
    """Terraform runs in a folder of its own; a token and its file go to init alone."""
    (tmp_path / "ci.tfrc").touch()
    given = {
        "TF_CLI_CONFIG_FILE": "ci.tfrc",
        "TF_PLUGIN_CACHE_DIR": "plug",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "AWS_CONFIG_FILE": "",
        "NETRC": "netrc",
        "TF_TOKEN_app_example_org": "t",
    }
    assert child_environment.allowed(given, folder=tmp_path) == {
        "AWS_CONFIG_FILE": "",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "TF_CLI_CONFIG_FILE": f"{tmp_path}/ci.tfrc",
        "TF_PLUGIN_CACHE_DIR": f"{tmp_path}/plug",
    }
    assert child_environment.fetching(given, tmp_path) == {
        "NETRC": f"{tmp_path}/netrc",
        "TF_TOKEN_app_example_org": "t",
    }


def test_a_config_file_that_does_not_exist_is_left_out_and_named(tmp_path: Path) -> None:
    """Terraform would warn at every call."""
    assert child_environment.missing_cli_config({}) == ""
    assert child_environment.missing_cli_config({"TF_CLI_CONFIG_FILE": __file__}) == ""
    given = {"TF_CLI_CONFIG_FILE": str(tmp_path / "absent")}
    assert child_environment.missing_cli_config(given) == str(tmp_path / "absent")
    assert child_environment.allowed(given) == {}
