"""What the artifact directory does beyond its port."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from karma_adapters.local.artifacts import DirectoryArtifacts
from karma_core.errors import Conflict, StoreError


def test_one_of_many_writers_wins(tmp_path: Path) -> None:
    """Of writers of other bytes under one key exactly one succeeds, and no temporary file stays."""
    store = DirectoryArtifacts(tmp_path)
    won: list[bytes] = []

    def attempt(content: bytes) -> None:
        try:
            store.put("a/b", content)
        except Conflict:
            return
        won.append(content)

    threads = [threading.Thread(target=attempt, args=(b"%d" % number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [store.get("a/b")]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_name_taken_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """A file that appears after the look and before the write stays as it is."""
    store = DirectoryArtifacts(tmp_path)
    store.put("a/b", b"one")
    store._write(tmp_path / "a/b", b"two")
    assert store.get("a/b") == b"one"


def test_a_key_below_an_artifact(tmp_path: Path) -> None:
    """A file cannot be a directory too: that key is a Conflict in both orders."""
    store = DirectoryArtifacts(tmp_path)
    store.put("a/b", b"x")
    for key in ("a/b/c", "a"):
        with pytest.raises(Conflict):
            store.put(key, b"x")


def test_a_failing_disk_is_a_store_error() -> None:
    """An operating system's error is translated, its cause kept."""
    store = DirectoryArtifacts(Path("/proc/self/nowhere"))
    with pytest.raises(StoreError) as raised:
        store.put("a", b"x")
    assert isinstance(raised.value.__cause__, OSError)
