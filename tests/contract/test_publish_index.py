"""The contract of `ports.PublishIndex`: the one in files, and the one in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.local.publish_index import FilePublishIndex
from karma_core.ports import PublishIndex
from tests.workspace_fakes import FakeIndex

ENTRIES = {"vpc/core": ("1-2-3-4", "sha256:aa"), "vpc/edge": ("5-6-7-8", "sha256:bb")}


@pytest.fixture(params=["files", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> PublishIndex:
    """Every adapter in turn, empty."""
    return FilePublishIndex(tmp_path / "new") if request.param == "files" else FakeIndex()


def test_before_the_first_publish_nothing_was_seen(index: PublishIndex) -> None:
    """No entry, and no revision: the next publish reads everything."""
    assert index.load("dev") == {}
    assert index.revision("dev") is None


def test_what_is_saved_comes_back(index: PublishIndex) -> None:
    """Entries and revision, of each environment its own."""
    index.save("dev", ENTRIES, "r1")
    index.save("prod", {}, "r2")
    assert (index.load("dev"), index.revision("dev")) == (ENTRIES, "r1")
    assert (index.load("prod"), index.revision("prod")) == ({}, "r2")
    assert index.revision("test") is None


def test_what_was_seen_at_another_place_counts_as_not_seen(tmp_path: Path) -> None:
    """The environment's prefix was changed: the next publish reads everything, and publishes anew."""
    FilePublishIndex(tmp_path, place="/iac").save("dev", ENTRIES, "r1")
    assert FilePublishIndex(tmp_path, place="/iac").load("dev") == ENTRIES
    moved = FilePublishIndex(tmp_path, place="/new")
    assert (moved.load("dev"), moved.revision("dev")) == ({}, None)


def test_a_save_replaces_the_whole_index(index: PublishIndex) -> None:
    """An entry that is not in it any more is gone."""
    index.save("dev", ENTRIES, "r1")
    index.save("dev", {"vpc/edge": ("9", "sha256:cc")}, "r2")
    assert (index.load("dev"), index.revision("dev")) == ({"vpc/edge": ("9", "sha256:cc")}, "r2")


def test_what_was_given_out_or_in_can_be_altered(index: PublishIndex) -> None:
    """Neither alters the index."""
    entries = dict(ENTRIES)
    index.save("dev", entries, "r1")
    entries.clear()
    index.load("dev").clear()
    assert index.load("dev") == ENTRIES
