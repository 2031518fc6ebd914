"""One working directory for each component whose module asks where it runs.

A value of `abspath` or `path.cwd` may stand in a resource. If it changed with every version of the module, or
between a plan and its copy, Terraform would replace the resource. So all versions and copies of such a module
run in one directory, one command at a time: its files are put there before a command, and what an earlier
command had there is taken away. Files that the module itself makes stay.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from karma_adapters.local.replace_file import replace_file

HERE: Final = "here"
"""The directory's name, in place of a version's digest."""
POLL_SECONDS: Final = 0.2
SAY_SECONDS: Final = 5
_ASKS: Final = re.compile(rb"\babspath\s*\(|\bpath\s*\.\s*cwd\b")
_WRITTEN: Final = ".here.json"
_LOCK: Final = ".here.lock"

Files = Mapping[str, tuple[bytes, int]]
"""Path below the directory → (content, mode)."""
Waiting = Callable[[int, str], None]
"""Is told for how many seconds a command has waited, and who is in the directory."""


@lru_cache(maxsize=4096)
def asks_where_it_runs(tree: Path) -> bool:
    """Whether a file of an archived tree, which never changes, asks: also a template that is rendered."""
    return any(_ASKS.search(path.read_bytes()) for path in sorted(tree.rglob("*")) if path.is_file())


class SharedPlaces:
    """Turns in the directories `<parent>/here`. Threads share it, processes share the directories.

    `check` is called while a directory is waited for, and ends that by raising.
    """

    def __init__(self, waiting: Waiting, check: Callable[[], None]) -> None:
        self._waiting = waiting
        self._check = check
        self._mine = threading.local()

    @contextmanager
    def turn(self, parent: Path, files: Callable[[], Files]) -> Iterator[None]:
        """Hold a component's directory, with these files in it. A turn within a turn changes nothing."""
        held: set[Path] = self._mine.__dict__.setdefault("held", set())
        if parent in held:
            yield
            return
        parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(parent / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._wait(descriptor)
            held.add(parent)
            try:
                _put(parent, files())
                yield
            finally:
                held.remove(parent)
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        begun, said = time.monotonic(), 0
        while not _try_lock(descriptor):
            self._check()
            waited = int(time.monotonic() - begun)
            if waited // SAY_SECONDS > said:
                said = waited // SAY_SECONDS
                self._waiting(waited, os.pread(descriptor, 200, 0).decode("utf-8", "replace"))
            time.sleep(POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _put(parent: Path, files: Files) -> None:
    """Write the files, and take away those of earlier turns. The list of files is never too short."""
    directory, record = parent / HERE, parent / _WRITTEN
    before = set(json.loads(record.read_bytes())) if record.exists() else set()
    if before - files.keys() or files.keys() - before:
        replace_file(record, json.dumps(sorted(before | files.keys())).encode())
    for gone in before - files.keys():
        (directory / gone).unlink(missing_ok=True)
    for name, (content, mode) in files.items():
        target = directory / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, content)
            target.chmod(mode)
    replace_file(record, json.dumps(sorted(files)).encode())


def files_below(root: Path, base: str) -> dict[str, tuple[bytes, int]]:
    """The files below a folder, as paths below `base`."""
    return {
        f"{base}/{path.relative_to(root).as_posix()}": (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
