"""Prefect's database with its tables, made once for all tests of a run: Prefect takes 4 s of CPU for that.

Only the tables are there; what a server writes at its start it writes in each test anew. That a server makes
its tables itself is proven by tests/e2e/test_service.py and tests/unit/flows/test_server.py.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

KEPT = Path(__file__).parents[1] / "build" / "tests"
NAME = "prefect.db"


def prepare(home: Path) -> None:
    """Put a database without a row into a `PREFECT_HOME` where none has been."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(_made(), home / NAME)


def _made() -> Path:
    """The database to copy; by the version of Prefect, whose tables it has."""
    KEPT.mkdir(parents=True, exist_ok=True)
    made = KEPT / f"prefect-{version('prefect')}.db"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            scratch = KEPT / "prefect"
            shutil.rmtree(scratch, ignore_errors=True)
            own = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
            subprocess.run(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
                env={**own, "PREFECT_HOME": str(scratch)},
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=200,
            )
            (scratch / NAME).replace(made)
    return made
