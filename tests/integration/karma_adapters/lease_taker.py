"""A process that wants names, and says on standard output whether it got them.

Usage: lease_taker.py DATABASE HOLDER NAME...; it waits for a line on standard input before it tries.
"""

from __future__ import annotations

import sys
from pathlib import Path

from karma_adapters.sqlite.state import SqliteState
from karma_core.errors import LeaseHeld


def main(database: str, holder: str, *names: str) -> None:
    """Try once."""
    state = SqliteState(Path(database))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        sys.stdout.write(f"{state.acquire(names, holder, 60).token}\n")
    except LeaseHeld as error:
        sys.stdout.write(f"held by {error.facts['holder']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
