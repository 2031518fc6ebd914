"""A real Gremlin Server on loopback, set up like Neptune: for tests, and for `make gremlin-server`.

Run as `python -m tests.integration.gremlin_server [PORT]` it starts one in the background and says how to
stop it. It keeps its graph in memory.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from gremlin_python.process.graph_traversal import GraphTraversal

from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_core.errors import StoreError

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "deployments" / "gremlin-server"
FETCHED = ROOT / "build" / "gremlin-server"
START_SECONDS = 120.0
"""A JVM on a busy machine of two cores took 20 s."""
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    directory: Path

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"ws://127.0.0.1:{self.port}/gremlin"

    def stop(self) -> None:
        """End it; sessions that clients left open are not waited for."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def run(self, traversal: GraphTraversal) -> list[object]:
        """Run one traversal with a client of its own."""
        client = GremlinClient(Endpoint(url=self.url))
        try:
            return client.submit(traversal)
        finally:
            client.close()


def fetch() -> Path:
    """The directory of the server's jars, fetched by Maven the first time."""
    FETCHED.mkdir(parents=True, exist_ok=True)
    jars, stamp = FETCHED / "lib", FETCHED / "fetched"
    pom = (SETUP / "pom.xml").read_bytes()
    with (FETCHED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != pom:
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
            subprocess.run(["mvn", "-q", "-B", "-f", SETUP / "pom.xml", *goal], check=True)
            stamp.write_bytes(pom)
    return jars


def start(
    port: int = 0, *, outlive: bool = False, keep: bool = False, directory: Path | None = None
) -> Server:
    """Start a server by the script of deployments/ and wait until it answers. Port 0: a free one.

    It ends with us unless it may outlive. `keep`: its graph is a file of the directory while it does not run.
    """
    jars = fetch()
    directory = directory or Path(tempfile.mkdtemp(prefix="gremlin-server-"))
    port = port or _free_port()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_tied(outlive), "sh", SETUP / "start.sh", jars, directory, "127.0.0.1", str(port)],
            env={**os.environ, "KEEP": "1" if keep else ""},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process, port, directory)
    _wait(server)
    return server


def _tied(outlive: bool) -> list[str]:
    """What makes a program end with the process that started it, even with one that was killed (Linux)."""
    tie = shutil.which("setpriv")
    return [] if outlive or tie is None else [tie, "--pdeathsig", "KILL"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.run(queries.source().inject(1))
        except StoreError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                server.stop()
                raise
            time.sleep(0.2)
        else:
            return


@functools.cache
def shared() -> Server:
    """The one server of this test process, ended with it."""
    server = start()

    def stop() -> None:
        server.stop()
        shutil.rmtree(server.directory)

    atexit.register(stop)
    return server


def required() -> Server:
    """The server. Without Java or Maven the test is skipped; it fails if KARMA_TEST_REQUIRE says so."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        if "gremlin" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
            pytest.fail(f"KARMA_TEST_REQUIRE asks for a Gremlin Server, and {missing} is not on PATH")
        pytest.skip(f"a Gremlin Server needs {' and '.join(missing)}")
    return shared()


def empty() -> None:
    """Drop everything on the shared server."""
    shared().run(queries.source().V().drop())


if __name__ == "__main__":
    started = start(int(sys.argv[1]) if len(sys.argv) > 1 else 0, outlive=True)
    sys.stdout.write(f"{started.url}\nstop it with: kill -{signal.SIGTERM.value} {started.process.pid}\n")
