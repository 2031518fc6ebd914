"""Giving free memory back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from karma_api.memory import give_back


def resident() -> int:
    """Bytes of this process in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_what_was_freed_between_what_is_used_is_given_back() -> None:
    """Half of many blocks is freed, one by one: the C library would keep all of it."""
    blocks = [bytes(50_000) for _ in range(4_000)]
    del blocks[::2]
    before = resident()
    give_back()
    assert before - resident() > 50_000_000
    assert len(blocks) == 2_000


def test_a_server_begins_on_the_c_librarys_allocator_once() -> None:
    """The same process, the same words; whoever chose an allocator keeps it."""
    program = (
        "import os, sys; from karma_api.memory import use_c_allocator; print(os.getpid(), flush=True)\n"
        "use_c_allocator(); made = os.environ\n"
        "print(made['PYTHONMALLOC'], made.get('MALLOC_ARENA_MAX'), sys.argv[1:])"
    )
    assert lines(program, {}) == [["malloc", "2", "['a", "b']"], True]
    assert lines(program, {"PYTHONMALLOC": "pymalloc"}) == [["pymalloc", "None", "['a", "b']"], False]


def lines(program: str, variables: dict[str, str]) -> list[object]:
    """The words of what the program printed last, and whether it began twice as one process."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONMALLOC"}
    printed = subprocess.run(
        [sys.executable, "-c", program, "a b"],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [printed[-1].split(), printed[0] == printed[1]]
