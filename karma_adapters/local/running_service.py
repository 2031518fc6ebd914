"""The processes that `karma up` runs for a project, in a file beside its stores for commands and workers.

One JSON file for all `karma up` of a project (one may run the server, another the workers). An entry counts
only while the supervisor that wrote it lives.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_core.decoding import convert
from karma_core.model import Record, to_builtins

FILE: Final = "service.json"


class Part(Record, frozen=True, kw_only=True):
    """One process of the service. `supervisor` is the pid of its `karma up`; `url` is empty for a worker."""

    name: str
    kind: str
    pid: int
    supervisor: int
    url: str = ""


class RunningService:
    """The file, in the folder of everything that Karma keeps locally."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def parts(self) -> tuple[Part, ...]:
        """Return the running processes, by name; empty if no service was started or all have ended."""
        return tuple(part for part in self._read() if _alive(part.supervisor))

    def url(self, kind: str) -> str:
        """Return the URL of the part of a kind (`server`, `api`); empty if none runs."""
        return next((part.url for part in self.parts() if part.kind == kind), "")

    def replace(self, supervisor: int, parts: Sequence[Part]) -> None:
        """Replace the entries of a supervisor; no parts mean that it has ended."""
        with self._locked():
            others = [part for part in self.parts() if part.supervisor != supervisor]
            running = sorted([*others, *parts], key=lambda part: (part.name, part.pid))
            if running:
                body = {"services": to_builtins(running)}
                replace_file(self._path, json.dumps(body, indent=2).encode() + b"\n")
            else:
                self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[Part, ...]:
        try:
            body = json.loads(self._path.read_bytes())
            return convert(body["services"], tuple[Part, ...])
        except (OSError, ValueError, KeyError, TypeError, msgspec.ValidationError):
            return ()  # nobody wrote it, or it is not ours: then no service is known

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True
