"""The warning about paths of this machine."""

from __future__ import annotations

from karma_core.plan.machine_paths import machine_path_finding


def test_some_resources_are_named_and_the_rest_counted() -> None:
    """A message stays short."""
    message = machine_path_finding("site/one", [f"terraform_data.r{n}" for n in range(5)]).message
    assert "terraform_data.r0, terraform_data.r1, terraform_data.r2 and 2 more: " in message
    assert "stands in terraform_data.r0: " in machine_path_finding("site/one", ["terraform_data.r0"]).message
