"""Files of Terraform modules: listing, stamps and digests; paths that leave the root are refused."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from karma_core.errors import BadInput

SKIPPED_DIRECTORIES: Final = frozenset({".terraform", ".git"})
SKIPPED_FILES: Final = "*.tfstate*"
RACY_SECONDS: Final = 0.1
"""A file changed this recently may change again without its stamp moving: file times are taken from the
kernel's tick, 10 ms at its slowest (CONFIG_HZ=100). Ten ticks, to be sure."""


@dataclass(frozen=True, slots=True, order=True)
class ModuleFile:
    """One regular file. `path` is relative to the modules' root, with `/`."""

    path: str
    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    executable: bool


def walk(root: Path, directory: str) -> list[ModuleFile]:
    """All files below root/directory that Terraform can read, sorted by path.

    Links are followed inside the root. BadInput `module-unreadable` for links that leave it or form a loop,
    and for what is neither file nor directory. Cost: one scandir a directory and one stat a file.
    """
    real_root = Path(os.path.realpath(root))
    return sorted(_walk(real_root, directory, frozenset()))


def survey(root: Path) -> Iterator[ModuleFile]:
    """Everything below root, unjudged: links that leave it or lead nowhere are listed as themselves."""
    if not root.is_dir():
        return
    for entry in sorted(os.scandir(root), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_DIRECTORIES:
                yield from survey(root / entry.name)
        elif not fnmatchcase(entry.name, SKIPPED_FILES):
            yield _described(entry.path, entry.stat(follow_symlinks=False))
            if entry.is_symlink() and entry.is_file():
                yield _described(entry.path, entry.stat())


def survey_below(root: Path) -> Iterator[ModuleFile]:
    """Every regular file below root, with its path relative to it: of a copy, which has no links."""
    for path in root.rglob("*"):
        if path.is_file():
            yield _described(path.relative_to(root).as_posix(), path.stat())


def stamp(files: Iterable[ModuleFile], *salt: str) -> str:
    """A digest of names, sizes, times and inodes; never the same twice while a file is freshly changed."""
    digest = hashlib.sha256("\0".join(salt).encode())
    newest = 0
    for file in files:
        newest = max(newest, file.changed_ns, file.modified_ns)
        digest.update(repr(file).encode("utf-8", "surrogateescape"))
    now = time.time_ns()
    if now - newest < RACY_SECONDS * 1e9:
        digest.update(now.to_bytes(8, "big"))
    return digest.hexdigest()


def content_digest(root: Path, file: ModuleFile) -> str:
    """SHA-256 of a file's content, in hex."""
    with (root / file.path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digest(contents: Iterable[tuple[ModuleFile, str]]) -> str:
    """`sha256:<hex>` over paths, executable bits and content digests, in the given (sorted) order."""
    digest = hashlib.sha256()
    for file, content in contents:
        name = file.path.encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s:%d:%s\n" % (len(name), name, file.executable, content.encode()))
    return f"sha256:{digest.hexdigest()}"


def _walk(root: Path, directory: str, inside: frozenset[str]) -> Iterator[ModuleFile]:
    real = os.path.realpath(root / directory)
    if not _contains(root, real):
        raise _refused(directory, "it is a link that leaves the modules' directory")
    if real in inside:
        raise _refused(directory, "it is a link to a directory that holds it")
    for entry in sorted(os.scandir(real), key=lambda e: e.name):
        path = f"{directory}/{entry.name}" if directory else entry.name
        if entry.is_dir():
            if entry.name not in SKIPPED_DIRECTORIES:
                yield from _walk(root, path, inside | {real})
        elif not fnmatchcase(entry.name, SKIPPED_FILES):
            yield _file(root, path, entry)


def _file(root: Path, path: str, entry: os.DirEntry[str]) -> ModuleFile:
    if entry.is_symlink() and not _contains(root, os.path.realpath(entry.path)):
        raise _refused(path, "it is a link that leaves the modules' directory")
    try:
        status = entry.stat()
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be read") from error
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "it is neither a regular file nor a directory")
    return _described(path, status)


def _described(path: str, status: os.stat_result) -> ModuleFile:
    return ModuleFile(
        path=path,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
        executable=bool(status.st_mode & stat.S_IXUSR),
    )


def _contains(root: Path, real: str) -> bool:
    return real == str(root) or real.startswith(f"{root}{os.sep}")


def _refused(path: str, why: str) -> BadInput:
    return BadInput(
        f"{path} cannot be part of a module",
        why=why,
        next_step="replace it by a regular file or directory below the modules' directory",
        code="module-unreadable",
        file=path,
    )
