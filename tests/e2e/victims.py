"""Processes of a test, by where they work and who started them (Linux); killed by their ids alone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PROC = Path("/proc")


def terraforms(root: Path) -> list[int]:
    """Terraforms that work below a folder."""
    found = []
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, place = (folder / "comm").read_text().strip(), (folder / "cwd").readlink()
            if name == "terraform" and place.is_relative_to(root):
                found.append(int(folder.name))
    return found


def descendants(pid: int) -> set[int]:
    """Processes that a process started, and that these started."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            found.add(child)
            todo.append(child)
    return found


def kill(pids: Iterable[int]) -> None:
    """SIGKILL; those that have ended are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_all_but_terraform(pid: int, root: Path) -> None:
    """Kill a process and all that it started, watchers too, but no Terraform and what that started."""
    spared = {one for terraform in terraforms(root) for one in (terraform, *descendants(terraform))}
    kill(({pid} | descendants(pid)) - spared)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
