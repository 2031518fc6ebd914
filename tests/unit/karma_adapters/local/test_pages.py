"""Links to the pages of runs and changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karma_adapters.local.pages import page_of
from karma_adapters.local.running_service import Part, RunningService
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_core.errors import SettingsError


def serving(root: Path, public_url: str = "") -> Settings:
    """A project whose API runs, with or without an address that others use."""
    if public_url:
        (root / "karma.toml").write_text(f'[api]\npublic_url = "{public_url}"\n')
    settings = read_settings(root)
    pid = os.getpid()
    part = Part(name="api", kind="api", pid=pid, supervisor=pid, url="http://127.0.0.1:8321")
    RunningService(settings.state_dir).replace(pid, [part])
    return settings


def test_the_running_service_has_the_pages(tmp_path: Path) -> None:
    """Its API's address, the environment, what it is, its id."""
    assert page_of(serving(tmp_path), "prod", "changes", "01C") == "http://127.0.0.1:8321/ui/prod/changes/01C"


def test_the_address_that_is_set_comes_first(tmp_path: Path) -> None:
    """Others than this machine follow the link; a slash at its end does not matter."""
    settings = serving(tmp_path, "https://karma.example.org/")
    assert page_of(settings, "prod", "runs", "01R") == "https://karma.example.org/ui/prod/runs/01R"


def test_without_a_service_there_is_no_page(tmp_path: Path) -> None:
    """Nothing is said that could not be opened."""
    assert page_of(read_settings(tmp_path), "prod", "runs", "01R") == ""


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://user:word@karma.example.org", "karma"])
def test_only_web_addresses_are_taken(tmp_path: Path, url: str) -> None:
    """The link is shown to people who click it."""
    with pytest.raises(SettingsError):
        serving(tmp_path, url)
