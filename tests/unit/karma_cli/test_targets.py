"""How the words of a command name components."""

from __future__ import annotations

import pytest

from karma_cli.plan import targets_of
from karma_core.errors import UsageError


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        ([], ()),
        (["vpc", "core"], ("vpc/core",)),
        (["vpc/core"], ("vpc/core",)),
        (["vpc/core", "service/api", "vpc/core"], ("vpc/core", "service/api")),
        (["vpc/*", "service/api"], ("vpc/*", "service/api")),
        (["*core"], ("*core",)),
        (["prod:vpc/core"], ("prod:vpc/core",)),
    ],
)
def test_words_are_addresses_or_one_type_and_nickname(words: list[str], targets: tuple[str, ...]) -> None:
    """A slash, a colon or a wildcard in any of them makes all of them addresses."""
    assert targets_of(words) == targets


@pytest.mark.parametrize(
    "words", [["vpc"], ["vpc", "core", "spare"], ["vpc/core", "spare"], ["../etc/passwd"]]
)
def test_what_is_neither_is_refused(words: list[str]) -> None:
    """Exit code 2: nothing is guessed."""
    with pytest.raises(UsageError):
        targets_of(words)
