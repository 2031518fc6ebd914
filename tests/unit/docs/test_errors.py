"""docs/errors.md says every code of an error or finding, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karma_cli.exits import exit_code
from karma_core import errors
from karma_core.errors import KarmaError
from tests.unit.docs.codes import codes

TEXT = (Path(__file__).parents[3] / "docs" / "errors.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
CLASSES = [
    member
    for member in vars(errors).values()
    if isinstance(member, type) and issubclass(member, KarmaError) and member is not KarmaError
]


def test_every_code_of_the_source_has_a_row() -> None:
    """An error that is not explained cannot be added."""
    said = {code for code, *_ in ROWS} | {
        c for _, c in re.findall(r"^\| (\w+) \| `([a-z-]+)` ", TEXT, re.MULTILINE)
    }
    unsaid = {code: file for code, file in codes().items() if code not in said | {"error"}}
    assert unsaid == {}


def test_no_row_explains_a_code_that_does_not_exist() -> None:
    """Rows of codes that are gone go as well."""
    assert {code for code, *_ in ROWS} - codes().keys() == set()


def test_the_codes_that_hide_best_are_found() -> None:
    """The reading of the source follows defaults, tuples, conditions, constants and positions."""
    assert {"invalid-json", "state-locked", "reload-timeout", "snapshot", "unreadable", "database-full"} <= (
        codes().keys()
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_is_said_with_its_code_and_exit_code(kind: type[KarmaError]) -> None:
    """Class, code and exit code in the table are those of the source."""
    assert f"| {kind.__name__} | `{kind.code}` | {exit_code(kind('x'))} |" in TEXT
