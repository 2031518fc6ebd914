"""The API on a Unix socket: its owner alone can connect."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from karma_adapters.wiring.scaffold import start_project
from karma_api.server import listening

ROOT = Path(__file__).parents[3]


def await_listening(path: Path) -> None:
    """Wait until something accepts connections there."""
    deadline = time.monotonic() + 60
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_api_answers_on_its_socket(tmp_path: Path) -> None:
    """`api.socket` is in the project; one of a server that died is replaced; no port is opened.

    systemd, where it started the server, is told that it listens and lives.
    """
    start_project(tmp_path, "dev")
    path = tmp_path / "api.sock"
    listening(path).close()
    with (tmp_path / "karma.toml").open("a") as settings:
        settings.write('\n[api]\nsocket = "api.sock"\nanonymous_role = "operator"\n')
    own = {k: v for k, v in os.environ.items() if not k.startswith("KARMA_")}
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.settimeout(60)
    own |= {"PYTHONPATH": str(ROOT), "KARMA_PROJECT_DIR": str(tmp_path)}
    own["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    process = subprocess.Popen([sys.executable, "-m", "karma_api"], cwd="/", env=own)
    try:
        await_listening(path)
        assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://localhost", trust_env=False) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
            assert path.stat().st_mode & 0o777 == 0o600
            assert client.get("/whoami?environment=dev").json()["role"] == "operator"
            foreign = client.get("/whoami?environment=dev", headers={"host": "evil.test"})
            assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign-host")
    finally:
        systemd.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
