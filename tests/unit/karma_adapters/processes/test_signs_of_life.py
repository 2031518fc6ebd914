"""What systemd and a container's health check are told by a program that runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.processes.signs_of_life import SignsOfLife, is_fresh


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd listens on."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listening


def test_systemd_is_told_once_that_a_program_is_ready(systemd: socket.socket, tmp_path: Path) -> None:
    """`READY` once, `WATCHDOG` each time, `STOPPING` at the end; what it starts does not speak for it."""
    signs = SignsOfLife(tmp_path / "health")
    assert "NOTIFY_SOCKET" not in os.environ
    signs.ready()
    signs.ready()
    signs.alive()
    signs.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_nothing_is_told_where_systemd_did_not_start_it() -> None:
    """Nor where its socket has gone."""
    SignsOfLife().alive()
    os.environ["NOTIFY_SOCKET"] = "@karma-nobody-listens"
    SignsOfLife().alive()


def test_a_health_check_asks_for_the_age_of_the_file(tmp_path: Path) -> None:
    """Exit 0 where it is young enough, 1 where it is old or was never touched."""
    file = tmp_path / "health"
    command = [sys.executable, "-m", "karma_adapters.processes.signs_of_life", str(file), "60"]
    assert subprocess.run(command, check=False, timeout=30).returncode == 1
    SignsOfLife(file).ready()
    assert subprocess.run(command, check=False, timeout=30).returncode == 0
    os.utime(file, (1, 1))
    assert not is_fresh(file, 60)
