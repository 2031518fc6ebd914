"""What a new project consists of, in an empty folder and beside what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from karma_adapters.wiring.scaffold import start_project
from karma_core.errors import Refused


def put(root: Path, *names: str) -> None:
    """Write files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}", "utf-8")


def settings(root: Path) -> dict[str, object]:
    """What karma.toml says."""
    return tomllib.loads((root / "karma.toml").read_text("utf-8"))


def test_an_empty_folder_gets_an_example(tmp_path: Path) -> None:
    """A type, a config, settings."""
    started = start_project(tmp_path)
    assert started.written == [
        ".gitignore",
        "components/hello/component.yaml",
        "components/hello/main.tf",
        "iac/dev/hello/world/config.json",
        "karma.toml",
    ]
    assert settings(tmp_path)["project"] == {"default_environment": "dev"}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """`karma init shop` is the first command of the documentation."""
    assert "karma.toml" in start_project(tmp_path / "shop").written
    assert (tmp_path / "shop" / "iac/dev/hello/world/config.json").exists()


def test_a_repository_with_configs_and_modules_gets_settings_alone(tmp_path: Path) -> None:
    """Folders and environments as they are called there; .gitignore keeps its lines."""
    put(tmp_path, "live/prod/vpc/core/config.json", "live/dev/vpc/core/config.json")
    put(tmp_path, "infra/modules/vpc/main.tf", "infra/modules/dns/main.tf", "src/app.py", ".git/x/y.tf")
    (tmp_path / ".gitignore").write_text("*.tfstate", "utf-8")
    started = start_project(tmp_path)
    assert started.written == [".gitignore", "karma.toml"]
    assert (started.existing.environments, started.existing.types) == (("dev", "prod"), ("dns", "vpc"))
    assert (tmp_path / ".gitignore").read_text("utf-8") == "*.tfstate\n.karma/\n"
    assert settings(tmp_path) == {
        "project": {
            "default_environment": "dev",
            "config_dir": "live",
            "components_dir": "infra/modules",
        },
        "environments": {"dev": {"region": "us-east-1"}, "prod": {"region": "us-east-1"}},
    }


def test_modules_alone_and_the_usual_names(tmp_path: Path) -> None:
    """`components` comes before a folder with more; what names the first environment is the option."""
    put(tmp_path, "components/vpc/main.tf", "examples/a/main.tf", "examples/b/main.tf")
    (tmp_path / ".gitignore").write_text("/.karma\n", "utf-8")
    assert start_project(tmp_path, "test").written == ["karma.toml"]
    assert settings(tmp_path) == {
        "project": {"default_environment": "test"},
        "environments": {"test": {"region": "us-east-1"}},
    }


def test_a_project_is_never_overwritten(tmp_path: Path) -> None:
    """Whoever has a karma.toml keeps it."""
    put(tmp_path, "karma.toml")
    with pytest.raises(Refused, match="already"):
        start_project(tmp_path)
    assert (tmp_path / "karma.toml").read_text("utf-8") == "{}"
