"""Signs of life of a long-running program: to systemd, and as the time of a file for a health check.

systemd is told by datagrams to the socket that `NOTIFY_SOCKET` names (sd_notify(3)): `READY=1`, `STOPPING=1`,
and `WATCHDOG=1` more often than the unit's `WatchdogSec`. Without the variable nothing is sent.

    python -m karma_adapters.processes.signs_of_life FILE SECONDS

exits 0 where the file was touched within so many seconds, else 1: the health check of a container.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

BEAT_SECONDS: Final = 10.0
"""How often systemd is told. Ours: a third of the smallest `WatchdogSec` of our units, and less."""
_VARIABLE: Final = "NOTIFY_SOCKET"


class SignsOfLife:
    """Tells systemd, if it started this program, and touches a file, if there is one.

    The variable is taken out of the environment: what the program starts does not speak for it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._address = os.environ.pop(_VARIABLE, "")
        self._ready = False

    def ready(self) -> None:
        """The program does its work: it has started, or has just seen that what it needs is there."""
        if self._file is not None:
            self._file.touch()
        if not self._ready:
            self._ready = True
            self._tell("READY=1")

    def alive(self) -> None:
        """The program is not stuck."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The program ends, and may take its time."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # systemd's socket may be one without a path: `@` stands for the zero byte in front.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address)
            channel.send(state.encode())


def is_fresh(file: Path, seconds: float) -> bool:
    """Whether the file was touched within so many seconds."""
    try:
        return time.time() - file.stat().st_mtime <= seconds
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_fresh(Path(sys.argv[1]), float(sys.argv[2])) else 1)
