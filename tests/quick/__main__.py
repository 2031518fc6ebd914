"""Run the unit and contract tests of what changed and of what imports it, nearest first, for 60 s at most.

What changed is the difference between the work tree and the commit at which the branch left main (on main:
the commit before HEAD). What is left when the time is over is said.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from tests.quick import deadline
from tests.quick.selection import ROOT, base_of, build_graph, changed_files, near

SECONDS = 60
LAST = 15
"""Seconds before the end in which no test is begun any more."""


def main() -> int:
    """The exit code of pytest; 0 where nothing is near."""
    parser = argparse.ArgumentParser(prog="python -m tests.quick", description=__doc__)
    parser.add_argument("--since", metavar="COMMIT", help="compare the work tree with this commit instead")
    parser.add_argument("--list", action="store_true", help="print the files of tests and run none")
    parser.add_argument("--workers", default="3", help="processes of pytest (default 3)")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"the time (default {SECONDS})")
    given = parser.parse_args()
    began = time.time()
    since = given.since or base_of()
    paths = changed_files(since)
    files = near(paths, build_graph())
    if given.list:
        print("\n".join(files))
        return 0
    print(f"{len(paths)} files changed since {since[:12]}; {len(files)} files of tests are near", flush=True)
    if not files:
        return 0
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        given.workers,
        "--dist",
        "loadgroup",
        "--no-loadscope-reorder",
    ]
    environment = {**os.environ, deadline.VARIABLE: str(began + given.seconds - LAST)}
    done = subprocess.run(
        [*words, "-r", "fE", "-p", deadline.__name__, *files], cwd=ROOT, env=environment, check=False
    )
    print(f"{time.time() - began:.0f} s")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
