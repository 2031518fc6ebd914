"""A local AWS that runs Lambda functions behind HTTP APIs: ministack, in a virtual environment of its own.

Run as `python -m tests.integration.ministack FOLDER` it prints its address, and runs until it is told to end.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / "build" / "ministack"
PACKAGE = "ministack==1.5.*"
FETCH_SECONDS = 300
START_SECONDS = 60.0
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def required() -> Path:
    """Its program. Without it the test is skipped; it fails if KARMA_TEST_REQUIRE asks for `aws`."""
    program, missing = _fetched()
    if missing:
        if "aws" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
            pytest.fail(f"KARMA_TEST_REQUIRE asks for a local AWS, and {missing}")
        pytest.skip(f"ministack cannot be had: {missing}")
    return program


@cache
def _fetched() -> tuple[Path, str]:
    """(its program, why there is none)."""
    FETCHED.mkdir(parents=True, exist_ok=True)
    program = FETCHED / "bin" / "ministack"
    with (FETCHED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            made = _run(sys.executable, "-m", "venv", str(FETCHED))
            made = made or _run(str(FETCHED / "bin" / "pip"), "install", "--quiet", PACKAGE)
            if made:
                return program, made
    return program, ""


def _run(*words: str) -> str:
    """What went wrong; empty where nothing did."""
    ended = subprocess.run(words, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    return ended.stderr.strip()[-300:] if ended.returncode else ""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its address on the loopback interface, as long as the block runs. Its functions end with it."""
    program = required()
    port = _free_port()
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        **CREDENTIALS,
    }
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [program], env=variables, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            if httpx.get(f"{url}/_ministack/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("ministack does not start; see its log")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with running(Path(sys.argv[1])) as address:
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
