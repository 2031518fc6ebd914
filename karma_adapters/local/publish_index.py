"""The index of the last publish, one file per environment, replaced by rename.

A cache: a file that is absent, cut off, altered or of another version counts as empty, and the next publish
reads everything. What Git calls "racy" entries (a file written again in the clock tick in which it was read)
cannot mislead it: the repository gives such a file a stamp that never comes twice (`config_directory`), so
the entry matches nothing. The judgement lies there because only the repository knows its clock's ticks.

Form: a line `karma-publish-index 1 <crc32>`, then MessagePack.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_core import ids
from karma_core.errors import StoreError

_MAGIC: Final = b"karma-publish-index 1 "


class _Content(msgspec.Struct, frozen=True, array_like=True):
    revision: str | None = None
    entries: dict[str, tuple[str, str]] = {}


_EMPTY: Final = _Content()
_decode = msgspec.msgpack.Decoder(_Content).decode


class FilePublishIndex:
    """ports.PublishIndex in a directory. The file last read is remembered by its inode and times."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, tuple[tuple[int, int, int], _Content]] = {}

    def load(self, environment: str) -> dict[str, tuple[str, str]]:
        """Address → (file stamp, digest of the published value)."""
        return dict(self._content(environment).entries)

    def revision(self, environment: str) -> str | None:
        """The revision given to the last save."""
        return self._content(environment).revision

    def save(self, environment: str, entries: dict[str, tuple[str, str]], revision: str) -> None:
        """Replace the index. Not synced: after a power cut an older or no index is as good."""
        body = msgspec.msgpack.encode(_Content(revision, entries))
        path = self._path(environment)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, _head(body) + body)
            self._read.pop(environment, None)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written",
                why=error.strerror or str(error),
                next_step="check the directory, its permissions and the disk's free space",
            ) from error

    def _path(self, environment: str) -> Path:
        return self._directory / f"{ids.check_environment(environment)}.index"

    def _content(self, environment: str) -> _Content:
        path = self._path(environment)
        try:
            status = path.stat()
            identity = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._read.get(environment)
            if known is not None and known[0] == identity:
                return known[1]
            content = _parse(path.read_bytes())
        except OSError:
            return _EMPTY
        self._read[environment] = (identity, content)
        return content


def _head(body: bytes | memoryview) -> bytes:
    return _MAGIC + b"%08x\n" % zlib.crc32(body)


def _parse(raw: bytes) -> _Content:
    length = len(_head(b""))
    body = memoryview(raw)[length:]
    if raw[:length] != _head(body):
        return _EMPTY
    try:
        return _decode(body)
    except msgspec.MsgspecError:
        return _EMPTY
