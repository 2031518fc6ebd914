"""Which files make a module."""

from __future__ import annotations

import pytest

from karma_core import configuration
from karma_core.configuration import Engine


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("main.tf", True),
        ("a.tf.json", True),
        ("a.tofu", True),
        ("a.tofu.json", True),
        ("a.tofutest.hcl", False),
        ("a.tftest.hcl", False),
        (".x.tf", False),
        ("#x.tf#", False),
        ("#x.tf", True),
        ("x.tf~", False),
        ("x.tfvars", False),
    ],
)
def test_configuration_files_are_those_that_an_engine_reads(name: str, read: bool) -> None:
    """Hidden and backup files are not configuration."""
    assert configuration.is_configuration(name) is read


NAMES = (
    "zzz_override.tf",
    "b.tf",
    "override.tf.json",
    "a.tf",
    "a.tofu",
    "c.tofu.json",
    "c.tf.json",
    "README.md",
)


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        (Engine.TERRAFORM, ["a.tf", "b.tf", "c.tf.json", "override.tf.json", "zzz_override.tf"]),
        (Engine.OPENTOFU, ["a.tofu", "b.tf", "c.tofu.json", "override.tf.json", "zzz_override.tf"]),
    ],
)
def test_each_engine_reads_its_own_files_overrides_last(engine: Engine, names: list[str]) -> None:
    """`.tofu` counts under OpenTofu alone, where it stands for the `.tf` file of the same name."""
    assert configuration.in_order(NAMES, engine) == names


@pytest.mark.parametrize(
    ("program", "engine"),
    [
        ("", Engine.TERRAFORM),
        ("terraform", Engine.TERRAFORM),
        ("embedded", Engine.TERRAFORM),
        ("/opt/tofu-1.10/bin/terraform", Engine.TERRAFORM),
        ("tofu", Engine.OPENTOFU),
        ("/usr/local/bin/opentofu", Engine.OPENTOFU),
    ],
)
def test_the_engine_is_known_by_its_programs_name(program: str, engine: Engine) -> None:
    """Nothing has to be run to know which files count."""
    assert configuration.engine_of(program) is engine
