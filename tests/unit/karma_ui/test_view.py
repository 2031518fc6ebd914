"""The view in the address."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from karma_core.errors import UsageError
from karma_ui.view import View, read_view


def test_a_view_survives_its_address() -> None:
    """What is written into a link is read back the same."""
    view = View(form="table", focus="vpc/core", up="2", down="0", type=("a", "b"), status=("stale",), q="x&y",
                collapse="vpc", at="3", since="1", plan="01ABC")  # fmt: skip
    query = {name: values[0] for name, values in parse_qs(view.but()[1:]).items()}
    assert read_view(query) == view
    assert View().but() == "?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("form", "list"), ("focus", "../../etc/passwd"), ("focus", "x').drop()//"),
        ("up", "-1"), ("down", "7"),        ("type", "A"), ("status", "fine"),
        ("collapse", "<b>"), ("at", "1e9"), ("at", "٣"),
        ("since", "9" * 19), ("plan", "../x"),
    ],
)  # fmt: skip
def test_what_means_no_view_is_refused(name: str, value: str) -> None:
    """Nothing reaches the API that is not a name of the kind that it must be."""
    with pytest.raises(UsageError):
        read_view({name: value})


def test_a_filter_is_added_and_taken_away_by_the_same_link() -> None:
    """A second click undoes the first."""
    assert View(type=("a",)).toggled("type", "b") == "?type=a%2Cb"
    assert View(type=("a", "b")).toggled("type", "b") == "?type=a"
