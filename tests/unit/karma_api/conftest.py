"""One served system for the tests of a module that only read; those that write make their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.served_system import ServedSystem


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSystem]:
    """Shared by a module's tests."""
    made = ServedSystem()
    yield made
    made.close()


@pytest.fixture
def fresh() -> Iterator[ServedSystem]:
    """One test's own."""
    made = ServedSystem()
    yield made
    made.close()
