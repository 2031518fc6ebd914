"""Provenance in a parameter's description."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.model import Provenance
from karma_core.provenance import describe, read_description

TEXT = st.none() | st.text(max_size=40)


@given(commit=TEXT, path=TEXT, dirty=st.booleans(), change=TEXT)
def test_comes_back(commit: str | None, path: str | None, dirty: bool, change: str | None) -> None:
    """What is described is read again."""
    provenance = Provenance(commit=commit, path=path, dirty=dirty, change=change)
    assert read_description(describe(provenance)) == provenance


def test_always_fits() -> None:
    """A path that would break SSM's limit is left out; commit and change stay."""
    provenance = Provenance(commit="c" * 40, path="p" * 2000, change="c-1")
    description = describe(provenance)
    assert len(description) <= 1024
    assert read_description(description) == Provenance(commit="c" * 40, change="c-1")


@pytest.mark.parametrize("text", ["", "by hand", "{", "{}", '{"karma":2}', '{"karma":"1"}', '[{"karma":1}]'])
def test_other_descriptions(text: str) -> None:
    """A description of another form is nobody's provenance."""
    assert read_description(text) is None
