"""What holds for every test: random ones are judged by what they find, not by how long an example took."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("karma", deadline=None, derandomize=True)  # the same examples in every run
settings.load_profile("karma")

SOAK_SECONDS = 7200
"""How long a random scenario may take at its full count, on a machine that has other work, too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """At their full counts, random scenarios have time."""
    if os.environ.get("KARMA_SOAK"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.timeout(SOAK_SECONDS))
