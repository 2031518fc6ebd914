"""All descendants of a service, recognised by a marker in their environment.

Prefect starts runs in sessions of their own, and they live on when their worker is killed; so neither process
groups nor parents say what belongs to a service. It is read from /proc (Linux); elsewhere only the direct
children are known.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

VARIABLE: Final = "_KARMA_UP"
POLL_SECONDS: Final = 0.1
_PROC: Final = Path("/proc")
_SCRIPT: Final = str(Path(__file__).with_name("guardian.sh"))


class ProcessTree:
    """The processes of one service, and a guardian that ends them if the supervisor is killed."""

    def __init__(self, mark: str, grace_seconds: int) -> None:
        self.variables = {VARIABLE: mark}
        self._line = f"{VARIABLE}={mark}"
        self._guardian = subprocess.Popen(  # noqa: S603 - our own script
            ["/bin/sh", _SCRIPT, self._line, str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def pids(self) -> list[int]:
        """Return the pids of living processes, without zombies."""
        wanted = self._line.encode()
        pids = []
        for folder in _PROC.glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is another user's
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    pids.append(int(folder.name))
        return sorted(pids)

    def end(self, pids: list[int], deadline: float) -> None:
        """Send SIGINT to these processes, and SIGKILL to those left at the deadline (monotonic)."""
        _signal(pids, signal.SIGINT)
        while time.monotonic() < deadline and set(pids) & set(self.pids()):
            time.sleep(POLL_SECONDS)
        _signal(sorted(set(pids) & set(self.pids())), signal.SIGKILL)

    def close(self) -> None:
        """End the guardian; the marked processes are left alone."""
        self._guardian.kill()
        with suppress(OSError):
            self._guardian.communicate()


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
