"""What every artifact store must do, by the port alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.local.artifacts import DirectoryArtifacts
from karma_core.errors import BadInput, Conflict
from karma_core.ports import ArtifactStore
from tests import local_aws
from tests.memory.artifacts import MemoryArtifacts


@pytest.fixture(params=["directory", "memory", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ArtifactStore]:
    """Every adapter in turn, empty."""
    if request.param == "s3":
        yield local_aws.artifacts(local_aws.fresh(monkeypatch))
        return
    yield DirectoryArtifacts(tmp_path / "artifacts") if request.param == "directory" else MemoryArtifacts()


def test_comes_back_as_it_was(store: ArtifactStore) -> None:
    """Bytes come back under the key that put returned; an unknown key gives None."""
    assert store.put("plans/1/plan.txt", b"\0plan\n") == "plans/1/plan.txt"
    assert store.get("plans/1/plan.txt") == b"\0plan\n"
    assert store.get("plans/2/plan.txt") is None
    assert store.get("plans/1") is None
    assert store.put("empty", b"") == "empty"
    assert store.get("empty") == b""


def test_is_immutable(store: ArtifactStore) -> None:
    """The same bytes again are fine; other bytes are a Conflict and change nothing."""
    store.put("a/b", b"one")
    store.put("a/b", b"one")
    with pytest.raises(Conflict) as raised:
        store.put("a/b", b"two")
    assert raised.value.facts["key"] == "a/b"
    assert store.get("a/b") == b"one"


def test_keys_below_a_prefix(store: ArtifactStore) -> None:
    """Keys are listed sorted, below whole parts of a prefix."""
    for key in ["p/10/x", "p/1/y", "p/1/x", "q"]:
        store.put(key, b"x")
    assert store.keys("p/1") == ("p/1/x", "p/1/y")
    assert store.keys("p/1/") == ("p/1/x", "p/1/y")
    assert store.keys("") == ("p/1/x", "p/1/y", "p/10/x", "q")
    assert store.keys("none") == ()


@pytest.mark.parametrize(
    "key",
    [
        *["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", ".hidden", "-rf", "a\nb", "a\0"],
        *["é", "a/%2e%2e/b", "a\\b", "x" * 2000, "a/" + "b" * 201],
    ],
)
def test_keys_are_checked(store: ArtifactStore, key: str) -> None:
    """A key that could leave the root, or that a file system would not take, is refused everywhere."""
    for call in (lambda: store.put(key, b"x"), lambda: store.get(key)):
        with pytest.raises(BadInput) as raised:
            call()
        assert raised.value.code == "invalid-name"
