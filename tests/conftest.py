"""What holds for every test: random ones are judged by what they find, not by how long an example took."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("karma", deadline=None, derandomize=True)  # the same examples in every run
settings.load_profile("karma")
