"""Waits for applies that outlived the Karma that began them, and still save their states.

Whoever ends everything that runs in a container or a systemd unit has to wait for them first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from karma_adapters.terraform.apply_records import POLL_SECONDS, ApplyRecords


def wait_until_saved(folders: Iterable[Path], seconds: float, beat: Callable[[list[str]], None]) -> list[str]:
    """Wait until no such apply is left; the addresses of those that still run after that time.

    `folders` are those of the applies' records, one for each environment. `beat` is called with what is
    waited for, again and again.
    """
    records = [ApplyRecords(folder, lambda _address: None) for folder in folders]
    ends_at = time.monotonic() + seconds
    while left := [address for each in records for address in each.every_address() if each.running(address)]:
        if time.monotonic() >= ends_at:
            break
        beat(left)
        time.sleep(POLL_SECONDS)
    return left
