"""The publish index: a cache that is never believed when it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.local.publish_index import FilePublishIndex
from karma_core.errors import StoreError, UsageError

ENTRIES = {"vpc/core": ("1-2-3-4", "sha256:aa"), "vpc/edge": ("5-6-7-8", "sha256:bb")}


def test_comes_back(tmp_path: Path) -> None:
    """Entries and revision come back, for this and every other process, and apart by environment."""
    index = FilePublishIndex(tmp_path / "index")
    assert (index.load("dev"), index.revision("dev")) == ({}, None)
    index.save("dev", ENTRIES, "r1")
    index.save("prod", {}, "r2")
    for reader in (index, FilePublishIndex(tmp_path / "index")):
        assert (reader.load("dev"), reader.revision("dev")) == (ENTRIES, "r1")
        assert (reader.load("prod"), reader.revision("prod")) == ({}, "r2")
    index.load("dev").clear()
    assert index.load("dev") == ENTRIES


def test_the_last_save_counts(tmp_path: Path) -> None:
    """A save within the same clock tick as the one before is seen, and leaves no file behind."""
    index = FilePublishIndex(tmp_path)
    for number in range(50):
        index.save("dev", ENTRIES, f"r{number:02}")
        assert index.revision("dev") == f"r{number:02}"
    assert [path.name for path in tmp_path.iterdir()] == ["dev.index"]


def test_damage_counts_as_empty(tmp_path: Path) -> None:
    """Cut off at any length, or with any byte flipped, the index is empty, never wrong."""
    FilePublishIndex(tmp_path).save("dev", ENTRIES, "r1")
    path = tmp_path / "dev.index"
    whole = path.read_bytes()
    cut = [whole[:length] for length in range(len(whole))]
    flipped = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in range(len(whole))]
    for damaged in [*cut, *flipped, whole + b"x", b"\xff" * 100]:
        path.write_bytes(damaged)
        index = FilePublishIndex(tmp_path)
        assert (index.load("dev"), index.revision("dev")) == ({}, None)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """A directory that cannot be made is a StoreError; a name that is none never becomes a path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        FilePublishIndex(tmp_path / "file" / "index").save("dev", {}, "r")
    with pytest.raises(UsageError):
        FilePublishIndex(tmp_path).load("../dev")
