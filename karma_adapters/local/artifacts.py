"""Artifacts as files below a directory.

A file is written whole beside its place, synced, and linked into it: link() fails where the name is taken, so
nothing is ever replaced, and a crash leaves at most a hidden temporary file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from karma_core.artifact_keys import already_other, check_key, listing_prefix
from karma_core.errors import Conflict, StoreError


class DirectoryArtifacts:
    """ports.ArtifactStore on a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes) -> str:
        """Store durably and return the key."""
        path = self._root / check_key(key)
        with _translated(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._write(path, content)
            if path.read_bytes() != content:
                raise already_other(key)
        return key

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        path = self._root / check_key(key)
        with _translated(key):
            try:
                return path.read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return None

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Keys below prefix, sorted. Temporary files are hidden and no keys."""
        top = self._root / listing_prefix(prefix)
        with _translated(prefix):
            files = [path for path in top.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return tuple(sorted(path.relative_to(self._root).as_posix() for path in files))

    def _write(self, path: Path, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-") as temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            try:
                path.hardlink_to(temporary.name)
            except FileExistsError:
                return  # another writer was faster; the caller compares
        self._sync_directories(path.parent)

    def _sync_directories(self, directory: Path) -> None:
        """Make the new name, and the directories that may be new with it, survive a power cut."""
        while True:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if directory == self._root:
                return
            directory = directory.parent


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise Conflict(
            f"the artifact {key} cannot be stored",
            why="a part of its key is an artifact itself",
            next_step="choose another key",
            key=key,
        ) from error
    except OSError as error:
        raise StoreError(
            f"the artifact {key} cannot be read or written",
            why=error.strerror or str(error),
            next_step="check the directory, its permissions and the disk's free space",
        ) from error
