"""A backup as one ZIP file, readable by its owner alone.

Members are gathered as files in a directory beside the target, because one may be read again while the backup
is taken; the ZIP file is written at the end, synced, and given its name.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from karma_core.errors import BadInput, NotFound, Refused, StoreError
from karma_core.use_cases.backup.manifest import MANIFEST, Member

_BLOCK: Final = 1 << 20
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Every member's: the manifest says when the backup was taken."""
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What zipfile raises for files that are damaged, cut off or of another form (its source, CPython 3.12)."""


class BackupFile:
    """A backup that is being made: `karma_core.use_cases.backup.manifest.Writer`. Close it."""

    def __init__(self, directory: Path) -> None:
        """`directory` holds the members until `finish`; it needs room for all of them."""
        self._folder = Path(tempfile.mkdtemp(prefix=".karma-backup-", dir=directory))
        self._members: dict[str, Member] = {}
        self._count = 0
        self._files: dict[str, Path] = {}

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a member; one of the name is replaced."""
        path, digest, size = self._folder / str(self._count), hashlib.sha256(), 0
        self._count += 1
        with _translated("written", path), path.open("wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.drop(name)
        self._files[name] = path
        self._members[name] = Member(name=name, size=size, digest=f"sha256:{digest.hexdigest()}")

    def drop(self, name: str) -> None:
        """Forget a member, where there is one of the name."""
        if self._members.pop(name, None) is not None:
            self._files.pop(name).unlink()

    def members(self) -> tuple[Member, ...]:
        """What was written so far, by name."""
        return tuple(self._members[name] for name in sorted(self._members))

    def finish(self, path: Path) -> None:
        """Write the ZIP file; Refused `backup-exists` where there is a file already."""
        scratch = self._folder / "backup.zip"
        with _translated("written", path):
            with scratch.open("xb") as stream:
                self._write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            scratch.chmod(0o600)
            try:
                path.touch(mode=0o600, exist_ok=False)  # the name is ours, or somebody else's
            except FileExistsError:
                raise exists(str(path)) from None
            scratch.replace(path)

    def close(self) -> None:
        """Remove the members' directory."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in [MANIFEST, *sorted(self._members.keys() - {MANIFEST})]:
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o600 << 16
                with self._files[name].open("rb") as source, archive.open(entry, "w", force_zip64=True) as to:
                    shutil.copyfileobj(source, to, _BLOCK)


class OpenedBackup:
    """A backup that was made: `karma_core.use_cases.backup.manifest.Reader`. Close it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with _translated("read", path), self._intact():
                self._archive = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise _no_backup(str(path)) from None

    def members(self) -> tuple[Member, ...]:
        """All members but the manifest, read and hashed, by name."""
        with self._intact():
            names = [entry.filename for entry in self._archive.infolist()]
            if len(set(names)) != len(names):
                raise self._damaged("a member is there twice")
            return tuple(self._member(name) for name in sorted(names) if name != MANIFEST)

    def read(self, name: str) -> bytes:
        """A member's content."""
        with self._intact():
            try:
                return self._archive.read(name)
            except KeyError:
                raise self._damaged(f"{name} is missing") from None

    def lines(self, name: str) -> Generator[bytes]:
        """A member's lines, without their newlines."""
        with self._intact(), self._archive.open(name) as stream:
            for line in stream:
                yield line.removesuffix(b"\n")

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def _member(self, name: str) -> Member:
        digest, size = hashlib.sha256(), 0
        with self._archive.open(name) as stream:
            while chunk := stream.read(_BLOCK):
                digest.update(chunk)
                size += len(chunk)
        return Member(name=name, size=size, digest=f"sha256:{digest.hexdigest()}")

    @contextmanager
    def _intact(self) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(str(error)) from error  # a flipped bit makes a member one of bzip2's

    def _damaged(self, why: str) -> BadInput:
        return BadInput(
            f"the backup {self._path.name} is damaged, or is none",
            why=why,
            next_step="use another backup; nothing was written",
            code="backup-damaged",
        )


def exists(place: str) -> Refused:
    """The refusal to replace anything by a backup."""
    return Refused(
        f"{place} was not written",
        why="it exists, and a backup replaces none",
        next_step="choose another name",
        code="backup-exists",
    )


def _no_backup(place: str) -> NotFound:
    return NotFound(f"there is no backup {place}", next_step="name the file that `karma backup --to` wrote")


@contextmanager
def _translated(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"the backup {path} cannot be {doing}",
            why=error.strerror or str(error),
            next_step="check the directory, its permissions and the disk's free space",
        ) from error
