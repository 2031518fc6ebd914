"""`karma init --from-module`: files for a module that has none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from karma_adapters.wiring.from_module import describe_module
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import KarmaError

MODULE = 'variable "cidr" {\n  type = string\n}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one module."""
    (tmp_path / "karma.toml").write_text("[environments.dev]\n", "utf-8")
    (tmp_path / "components" / "vpc").mkdir(parents=True)
    (tmp_path / "components" / "vpc" / "main.tf").write_text(MODULE, "utf-8")
    return tmp_path.resolve()


def test_both_files_are_written_once(root: Path) -> None:
    """The second time nothing is touched."""
    module = root / "components" / "vpc"
    written = describe_module(read_settings(root), module, None)
    assert written == ["components/vpc/component.yaml", "iac/dev/vpc/example/config.json"]
    definition = yaml.safe_load((module / "component.yaml").read_text("utf-8"))
    assert definition["schema"]["required"] == ["cidr"]
    assert (root / written[1]).read_text("utf-8") == '{\n  "cidr": null\n}\n'
    with pytest.raises(KarmaError, match="described already") as raised:
        describe_module(read_settings(root), module, None)
    assert raised.value.code == "project-exists"


@pytest.mark.parametrize("folder", [".", "components", "components/none", "components/vpc/deep"])
def test_another_folder_is_refused(root: Path, folder: str) -> None:
    """Modules are the folders directly below the modules' folder, with Terraform files."""
    (root / "components" / "vpc" / "deep").mkdir()
    with pytest.raises(KarmaError) as raised:
        describe_module(read_settings(root), (root / folder).resolve(), None)
    assert raised.value.code == "not-a-module"
