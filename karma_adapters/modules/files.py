"""Files of Terraform modules: listing, stamps and digests; paths that leave the root are refused."""

from __future__ import annotations

import glob
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
SKIPPED_FILES: Final = ("*.tfstate*", "*~", ".*.sw?", ".#*", ".DS_Store")
"""States, and what editors and file managers leave behind: no part of a module."""
_NO_PARTS: Final = SKIPPED_DIRECTORIES | {".karma"}
"""Directories outside the modules' that hold no file of a module; the last is Karma's own."""
MAX_OUTSIDE_FILES: Final = 1_000
MAX_OUTSIDE_BYTES: Final = 64 << 20
"""What a module may bring along from outside its directories. Ours: each of its versions is archived."""
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


def walk(root: Path, directory: str, within: Path | None = None) -> list[ModuleFile]:
    """All files below root/directory that Terraform can read, sorted by path.

    Links are followed inside the root, or inside `within`, a directory around it that may hold the files.
    BadInput `module-unreadable` for links that leave it or form a loop,
    and for what is neither file nor directory. Cost: one scandir a directory and one stat a file.
    """
    real_root = Path(os.path.realpath(root))
    return sorted(_walk(real_root, directory, frozenset(), within or real_root))


def survey(root: Path) -> Iterator[ModuleFile]:
    """Everything below root, unjudged: links that leave it or lead nowhere are listed as themselves."""
    if not root.is_dir():
        return
    for entry in sorted(os.scandir(root), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_DIRECTORIES:
                yield from survey(root / entry.name)
        elif not is_skipped(entry.name):
            yield _described(entry.path, entry.stat(follow_symlinks=False))
            if entry.is_symlink() and entry.is_file():
                yield _described(entry.path, entry.stat())


def is_skipped(name: str) -> bool:
    """Whether a file of this name is no part of a module, wherever it lies."""
    return any(fnmatchcase(name, pattern) for pattern in SKIPPED_FILES)


def outside(root: Path, repository: Path, patterns: Iterable[str]) -> Iterator[ModuleFile]:
    """The files of a repository that patterns of `glob` name, relative to the modules' root, or lie below.

    Links that leave the repository are left out. BadInput `outside-file` where they are too many.
    """
    count = size = 0
    for pattern in patterns:
        for path in _matching(root, pattern):
            for file in _regular_files(path, repository):
                described = _described(os.path.relpath(file, root), file.stat())
                count, size = count + 1, size + described.size
                if count > MAX_OUTSIDE_FILES or size > MAX_OUTSIDE_BYTES:
                    raise _too_many(pattern)
                yield described


def _matching(root: Path, pattern: str) -> list[Path]:
    place = os.path.normpath(root / pattern)
    names = glob.glob(place, recursive=True, include_hidden=True)  # noqa: PTH207 - of an absolute path
    return [path for path in map(Path, sorted(names)) if not _NO_PARTS.intersection(path.parts)]


def _regular_files(path: Path, repository: Path) -> Iterator[Path]:
    """The path itself, or the files below it, as far as they are in the repository."""
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            if entry.name not in _NO_PARTS:
                yield from _regular_files(Path(entry.path), repository)
        return
    inside = Path(os.path.realpath(path)).is_relative_to(repository)
    if path.is_file() and inside and not is_skipped(path.name):
        yield path


def _too_many(pattern: str) -> BadInput:
    return BadInput(
        f"the files {pattern} cannot be part of a module",
        why=f"they are more than {MAX_OUTSIDE_FILES:,}, or larger than {MAX_OUTSIDE_BYTES >> 20} MB",
        next_step="name the files themselves, or put them into a directory of their own",
        code="outside-file",
        file=pattern,
    )


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


def _walk(root: Path, directory: str, inside: frozenset[str], within: Path) -> Iterator[ModuleFile]:
    real = os.path.realpath(root / directory)
    if not _contains(within, real):
        raise _refused(directory, "it is a link that leaves the modules' directory")
    if real in inside:
        raise _refused(directory, "it is a link to a directory that holds it")
    for entry in sorted(os.scandir(real), key=lambda e: e.name):
        path = f"{directory}/{entry.name}" if directory else entry.name
        if entry.is_dir():
            if entry.name not in SKIPPED_DIRECTORIES:
                yield from _walk(root, path, inside | {real}, within)
        elif not is_skipped(entry.name):
            yield _file(within, path, entry)


def _file(within: Path, path: str, entry: os.DirEntry[str]) -> ModuleFile:
    if entry.is_symlink() and not _contains(within, os.path.realpath(entry.path)):
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
