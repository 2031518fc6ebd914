"""A Prefect server of this process's own, for as long as one run takes.

Prefect can start such a server by itself, but prints its shutdown as tracebacks, loses what it had not yet
written, and leaves it running when this process is killed. Here its output goes to a file, it is stopped
only when it has recorded the run, and a watcher ends it when this process has gone.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.credentials import new_credentials
from karma_adapters.processes.children import watched
from karma_core.errors import StoreUnavailable

GUARDED_PREFECT: Final = "flows.guarded_prefect:create_app"
"""The application of every Prefect server that Karma starts, as uvicorn names it."""
START_SECONDS: Final = 90.0
"""How long a server may take to answer; on two idle cores 6 to 10 seconds were seen."""
STOP_SECONDS: Final = 10.0
"""How long a server may take to end after SIGINT."""
SETTINGS: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
}
"""For the server and for this process: no calls home, no noise on standard error."""
RUN_SETTINGS: Final = {
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": "flows.console.PlainHandler",
    # A server that is started again takes 10 s or so; the client waits 2, 4, 8, … seconds between attempts.
    "PREFECT_CLIENT_MAX_RETRIES": "6",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    # By these the automation finds runs whose process has gone.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}
"""For a service's server, workers and their runs: readable logs, and patience."""


def make_private(folder: Path) -> None:
    """Make the folder of a server's database, which has parameters and logs of runs, for its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


@contextmanager
def temporary_server(folder: Path) -> Iterator[None]:
    """Start a server with its database in folder and point this process's Prefect at it; stop it afterwards.

    Its password is new, and known to this process and its children alone. Call it before anything imports
    Prefect, which reads its settings once.
    """
    make_private(folder)
    with ExitStack() as ending:
        with _one_at_a_time(folder):
            port = _free_port()
            api = PrefectApi(f"http://127.0.0.1:{port}/api", new_credentials())
            os.environ.update(SETTINGS, PREFECT_HOME=str(folder), **api.variables())
            server = _start(port, folder, api)
            ending.callback(server.communicate)  # closes its standard input, on which it ends
            _wait_until_ready(api.url, server, folder)
        yield


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Of several runs that start a server over one database, one makes or changes its tables."""
    with (folder / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(port: int, folder: Path, api: PrefectApi) -> subprocess.Popen[bytes]:
    own = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", **api.server_variables()}
    with (folder / "server.log").open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            watched(_command(port), int(STOP_SECONDS)),
            cwd=folder,  # where no folder is named like a package of ours
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            process_group=0,
        )


def _command(port: int) -> list[str]:
    """The command with which Prefect itself starts a temporary server, its application behind our guard."""
    return [
        sys.executable, "-m", "uvicorn", "--factory", GUARDED_PREFECT,
        "--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--lifespan", "on",
        "--timeout-graceful-shutdown", "2",
    ]  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    """Poll the server's health; StoreUnavailable `prefect` if it does not answer in time or has ended."""
    import httpx  # noqa: PLC0415 - Prefect's own client library

    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"{url}/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise StoreUnavailable(
        "the Prefect server did not start",
        why=f"it {'ended' if server.poll() is not None else 'did not answer'}; see {folder / 'server.log'}",
        next_step="set PREFECT_API_URL to a running server, or KARMA_PROJECT__ORCHESTRATOR=direct",
        code="prefect",
    )
