"""Chooses the port of a part: the one that is set, its usual one, or a free one."""

from __future__ import annotations

import socket
from typing import Final

from karma_core.errors import SettingsError

PREFECT: Final = 4200
"""Prefect's own default."""


def choose_port(setting: str, chosen: int | None, usual: int, host: str = "127.0.0.1") -> int:
    """A port that is free now on the host; SettingsError `port-in-use` where one was set and is taken.

    0 asks for any free one.
    """
    if chosen is None:
        return usual if _is_free(host, usual) else _any_free(host)
    if chosen == 0:
        return _any_free(host)
    if not _is_free(host, chosen):
        raise SettingsError(
            f"port {chosen} of {host} is in use",
            why=f"another process listens there, and {setting} names it",
            next_step="end that process, or set another port (0: any free one)",
            code="port-in-use",
        )
    return chosen


def _is_free(host: str, port: int) -> bool:
    with _socket(host) as probe:
        # As servers do it: a port whose last connections are only fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _any_free(host: str) -> int:
    with _socket(host) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
