"""A PostgreSQL server on loopback, in a folder of its own, for as long as a test module runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "a p@ss:w/rd#? of 100% é"
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs, by version."""
NOBODY = "65534"


def programs() -> Path:
    """The folder of `initdb` and `pg_ctl`; without it a test is skipped, or fails (KARMA_TEST_REQUIRE)."""
    program = shutil.which("pg_ctl")
    folders = [Path(program).resolve().parent] if program else sorted(DEBIAN.glob("*/bin"))
    whole = [folder for folder in folders if (folder / "initdb").exists()]
    if whole:
        return whole[-1]
    if "postgres" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
        pytest.fail("KARMA_TEST_REQUIRE asks for PostgreSQL, and neither PATH nor Debian's folder has it")
    pytest.skip("Prefect's database is PostgreSQL here, which is not installed")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh database `prefect`, as SQLAlchemy's asyncpg driver takes it."""
    place = Path(tempfile.mkdtemp(prefix="karma-postgres-"))
    bin_folder, data = programs(), place / "data"
    (place / "password").write_text(PASSWORD)
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        for path in (place, place / "password"):
            os.chown(path, int(NOBODY), int(NOBODY))
    port = _free_port()
    try:
        _run(bin_folder / "initdb", "--pgdata", data, "--username", "prefect", "--auth", "scram-sha-256",
             "--pwfile", place / "password", "--encoding", "UTF8", "--no-sync")  # fmt: skip
        said = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={place} -c fsync=off"
        _run(
            bin_folder / "pg_ctl",
            "--pgdata",
            data,
            "--wait",
            "--log",
            place / "log",
            "--options",
            said,
            "start",
        )
        try:
            yield f"postgresql+asyncpg://prefect:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        finally:
            _run(bin_folder / "pg_ctl", "--pgdata", data, "--wait", "--mode", "fast", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(program: Path, *words: str | Path) -> None:
    """One of its programs, never as root."""
    lower = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run(
        [*lower, str(program), *map(str, words)],
        check=True, timeout=120, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
