"""Counts and lists in messages."""

from __future__ import annotations

from karma_core.counting import counted, listed


def test_the_words_go_with_the_number() -> None:
    """One is singular, none and several are plural."""
    assert [counted(n, "config is", "configs are") for n in (0, 1, 2)] == [
        "0 configs are",
        "1 config is",
        "2 configs are",
    ]


def test_long_lists_are_cut_and_say_how_many_are_left() -> None:
    """Five names at most; nothing is left out without a word."""
    assert listed([]) == ""
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
