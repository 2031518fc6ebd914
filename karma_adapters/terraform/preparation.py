"""Runs `terraform init` only where needed, and never two first inits at once.

All components share the plugin cache. The first init of a module writes there, and two at once corrupt it,
so it runs alone, across threads and processes. The lock file that it makes is kept for the module's other
components, so that all have the same providers. Later inits only read, and are skipped where the component's
data directory says that nothing has changed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from karma_adapters.local.replace_file import replace_file
from karma_adapters.terraform.backend import OVERRIDE, Backend
from karma_adapters.terraform.work_trees import LOCK_FILE
from karma_core import strictjson

_STAMP: Final = "karma-initialised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The inputs of one init: the component's copy of its module, its data directory, versions, backend."""

    staged: Path
    data: Path
    module: str
    version: str
    backend: str

    @property
    def stamp(self) -> str:
        """A digest of the inputs; an equal one means that init need not run."""
        return strictjson.digest([str(self.staged), self.module, self.version, self.backend])

    @property
    def shared(self) -> str:
        """Identifies what components of one module share."""
        return strictjson.digest([self.module, self.version]).removeprefix("sha256:")


class Initialiser:
    """Runs init where it must be run; `cache` holds the lock and each module's own lock file."""

    def __init__(self, cache: Path, backend: Backend) -> None:
        self._cache = cache
        self._backend = backend

    def prepare(self, job: Preparation, init: Callable[[], None]) -> None:
        """Call `init` unless the data directory has been initialised for exactly this job.

        Of several at once (a plan needs no lease) one does: an init replaces files that the others' commands
        read.
        """
        if _is_prepared(job):
            return
        job.data.mkdir(parents=True, exist_ok=True)
        with _locked(job.data / "init.lock"):
            if _is_prepared(job):
                return
            (job.data / _STAMP).unlink(missing_ok=True)
            replace_file(job.staged / OVERRIDE, self._backend.override().encode())
            if self._is_warm(job) or not self._warm_up(job, init):
                _put_lock_file(self._warm(job), job.staged)
                init()
            replace_file(job.data / _STAMP, job.stamp.encode())

    def share(self, directory: Path, data: Path, version: str, init: Callable[[], object]) -> None:
        """Initialise a data directory that many short-lived copies of one module share, if it is not yet.

        The lock file that init writes into the first copy is kept beside it, and put into the others.
        """
        done, lock = data / _STAMP, data / LOCK_FILE
        if _content(done) != version:
            self._cache.mkdir(parents=True, exist_ok=True)
            with _locked(self._cache / "init.lock"):
                if _content(done) != version:
                    data.mkdir(parents=True, exist_ok=True)
                    init()
                    if (directory / LOCK_FILE).exists():
                        replace_file(lock, (directory / LOCK_FILE).read_bytes())
                    replace_file(done, version.encode())
        _put_lock_file(lock, directory)

    def files(self, data: Path) -> dict[str, bytes]:
        """What a prepared copy has beside the module's own files: name → content."""
        lock = data / LOCK_FILE
        kept = {LOCK_FILE: lock.read_bytes()} if lock.exists() else {}
        return {OVERRIDE: self._backend.override().encode(), **kept}

    def _warm(self, job: Preparation) -> Path:
        """The lock file that the module's first init made; empty where it needs none."""
        return self._cache / f"warm-{job.shared}"

    def _is_warm(self, job: Preparation) -> bool:
        return self._warm(job).exists()

    def _warm_up(self, job: Preparation, init: Callable[[], None]) -> bool:
        """Run the module's first init alone; False where another had done so meanwhile."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with _locked(self._cache / "init.lock"):
            if self._is_warm(job):
                return False
            init()
            made = job.staged / LOCK_FILE
            replace_file(self._warm(job), made.read_bytes() if made.exists() else b"")
            return True


def keep_lock_file(directory: Path, data: Path) -> None:
    """Keep the lock file that init has made, for later turns in a directory that versions share."""
    made = directory / LOCK_FILE
    if made.exists() and _bytes(data / LOCK_FILE) != (content := made.read_bytes()):
        replace_file(data / LOCK_FILE, content)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _is_prepared(job: Preparation) -> bool:
    return _content(job.data / _STAMP) == job.stamp and (job.staged / OVERRIDE).exists()


def _put_lock_file(kept: Path, directory: Path) -> None:
    """Give a copy of a module the lock file that is kept for it, unless it brought its own."""
    if not (directory / LOCK_FILE).exists() and kept.exists() and (text := kept.read_bytes()):
        replace_file(directory / LOCK_FILE, text)


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock among threads and processes: each opens the file anew, and flock is by open file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
