"""What a second worker brings: deploys of separate environments, on a Prefect server.

Each deploy waits most of its time, as an apply waits for a cloud, so that two workers on one machine can be
compared. Each worker has one run at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from tests.e2e.worker_fleet import NAPS, Fleet, make_project

TITLE = "Workers"
ENVIRONMENTS = ("east", "north", "south", "west")
SECONDS = 15.0
"""What each apply waits."""
FLOOR = 0.5
"""A second worker that costs nothing halves the time."""
LIMIT = 0.65
"""Ours: starting a run's process takes a few seconds of a processor, which the workers share here."""


def run() -> Iterator[Figure]:
    """Time of four deploys with two workers, as a share of that with one."""
    with tempfile.TemporaryDirectory() as place:
        fleet = Fleet(make_project(Path(place), ENVIRONMENTS, SECONDS))
        try:
            fleet.worker("one", limit=1).ready()
            alone = _deploy(fleet, NAPS[0])
            fleet.worker("two", limit=1).ready()
            both = _deploy(fleet, NAPS[1])
        finally:
            fleet.close()
    applying = len(ENVIRONMENTS) * SECONDS
    note = f"{alone:.0f} s and {both:.0f} s, of which applies wait {applying:.0f} s; at best {FLOOR:g}"
    yield Figure("four deploys: 2 workers / 1", both / alone, LIMIT, "x", note)
    yield Figure("throughput of 2 workers / 1", alone / both, None, "x")


def _deploy(fleet: Fleet, address: str) -> float:
    """Seconds from the first order to the end of the last."""
    started = time.perf_counter()
    runs = [fleet.deploy(name, address) for name in ENVIRONMENTS]
    ends = {fleet.ended(run).type for run in runs}
    if ends != {"COMPLETED"}:
        raise RuntimeError(f"deploys ended as {sorted(ends)}")
    return time.perf_counter() - started
