"""Giving free memory back."""

from __future__ import annotations

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
