"""Which program runs which type's modules, and what is said where it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karma_adapters.processes.children import Processes
from karma_adapters.terraform.engines import Engines, Wish
from karma_core.configuration import Engine
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import SettingsError


def _program(path: Path, said: str) -> str:
    """A program that says this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{said}"\n')
    path.chmod(0o755)
    return str(path)


def _engines(root: Path, environment: EngineChoice = ANY, project: EngineChoice = ANY) -> Engines:
    wishes = [Wish("[environments.prod.terraform]", environment), Wish("[terraform]", project)]
    return Engines(
        wishes, cache=root / "cache", processes=Processes(), environment=dict(os.environ), root=root
    )


def test_the_type_stands_before_the_environment_before_the_project(tmp_path: Path) -> None:
    """Each alone, and over the others; which language is read follows the program."""
    names = ("tofu", "terraform-1.9", "terraform")
    texts = ("OpenTofu v1.8.3", "Terraform v1.9.8", "Terraform v1.11.4")
    programs = [EngineChoice(binary=_program(tmp_path / n, t)) for n, t in zip(names, texts, strict=True)]
    of_type, of_environment, of_project = programs
    both = _engines(tmp_path, of_environment, of_project)
    assert both.version(of_type) == "opentofu 1.8.3"
    assert both.engine(of_type) is Engine.OPENTOFU
    assert both.version() == "terraform 1.9.8"
    assert both.engine() is Engine.TERRAFORM
    assert _engines(tmp_path, project=of_project).version() == "terraform 1.11.4"


def test_a_relative_path_counts_from_the_project(tmp_path: Path) -> None:
    """Wherever Karma was started."""
    _program(tmp_path / "bin" / "tofu", "OpenTofu v1.8.3")
    assert _engines(tmp_path, EngineChoice(binary="bin/tofu")).version() == "opentofu 1.8.3"


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        (("~> 1.11", "", ""), None),
        (("", ">= 1.9", "< 2"), None),
        (("~> 1.9.0", ">= 1.9", "< 2"), "component.yaml or [types.app] wants version ~> 1.9.0"),
        (("", "1.12.0", "< 2"), "[environments.prod.terraform] wants version 1.12.0"),
        ((">= 1", ">= 1", ">= 2"), "[terraform] wants version >= 2"),
    ],
)  # fmt: skip
def test_every_constraint_must_hold(
    tmp_path: Path, wanted: tuple[str, str, str], refused: str | None
) -> None:
    """The error names the place whose constraint does not, and the version that is there."""
    program = _program(tmp_path / "terraform", "Terraform v1.11.4")
    of_type, environment, project = (EngineChoice(version=text) for text in wanted)
    engines = _engines(tmp_path, environment, EngineChoice(binary=program, version=project.version))
    if refused is None:
        engines.require("app", of_type)
        return
    with pytest.raises(SettingsError) as caught:
        engines.require("app", of_type)
    assert caught.value.code == "engine-version"
    assert caught.value.why.endswith(refused)
    assert "terraform 1.11.4 may not run modules of the type app" in caught.value.what


@pytest.mark.parametrize(
    ("of_type", "place"), [("no-such", "[types]"), ("", "[environments.prod.terraform]")]
)
def test_a_program_that_is_not_there_is_named_with_its_place(
    tmp_path: Path, of_type: str, place: str
) -> None:
    """With or without a constraint."""
    engines = _engines(tmp_path, EngineChoice(binary="no-such-either"))
    for version in ("", ">= 1"):
        with pytest.raises(SettingsError) as caught:
            engines.require("app", EngineChoice(binary=of_type, version=version))
        assert caught.value.code == "engine-missing"
        assert place in caught.value.why
