"""docs/architecture.md names every package and every port that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from karma_core import ports

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGES = (
    "karma_core",
    "karma_log",
    "karma_adapters",
    "tasks",
    "flows",
    "karma_api",
    "karma_lambda",
    "karma_ui",
    "karma_service",
    "karma_cli",
)
GROUPS = {"karma_adapters/", "karma_core/use_cases/"}
"""Packages that hold nothing but packages."""
DETAILS = {"karma_api", "karma_lambda", "karma_log", "karma_ui"}
"""Packages whose own packages are described with them."""


def packages() -> set[str]:
    """Every package down to the rooms, as the page writes it."""
    names = {f"{package}/" for package in PACKAGES}
    for package in set(PACKAGES) - DETAILS:
        for init in (ROOT / package).rglob("*/__init__.py"):
            names.add(f"{init.parent.relative_to(ROOT)}/")
    return names - GROUPS


def test_every_package_is_in_the_table() -> None:
    """A new room needs a line; so does none that is gone."""
    first_cells = re.findall(r"^\| (`[^|]*`) \|", TEXT, re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([a-z_/]+/)`", cell)}
    assert named == packages()


def test_every_file_that_is_named_exists() -> None:
    """In the row of its package."""
    for row in re.findall(r"^\| `([a-z_/]+/)`[^|]*\| (.*) \|$", TEXT, re.MULTILINE):
        for file in re.findall(r"`(\w+\.py)`", row[1]):
            assert (ROOT / row[0] / file).is_file(), (row[0], file)


def test_every_port_is_in_the_table() -> None:
    """With what stands behind it."""
    declared = {
        name
        for name, value in vars(ports).items()
        if getattr(value, "_is_protocol", False) and value.__module__ == ports.__name__
    }
    rows = set(re.findall(r"^\| `([A-Z]\w+)` \|", TEXT, re.MULTILINE))
    assert declared <= rows, declared - rows
