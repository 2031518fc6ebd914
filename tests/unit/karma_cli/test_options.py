"""How commands take a component's name."""

from __future__ import annotations

import pytest

from karma_cli.options import address_of
from karma_core.errors import UsageError


@pytest.mark.parametrize("words", [("vpc", "core"), ("vpc/core", None)])
def test_an_address_is_taken_in_two_words_or_in_one(words: tuple[str, str | None]) -> None:
    """What a table prints can be pasted into the next command."""
    assert address_of(*words) == "vpc/core"


@pytest.mark.parametrize("words", [("vpc", None), ("../core", None), ("vpc/core", "core"), ("vpc/", None)])
def test_half_a_name_is_refused(words: tuple[str, str | None]) -> None:
    """Neither a type alone nor an address with a further word names a component."""
    with pytest.raises(UsageError):
        address_of(*words)
