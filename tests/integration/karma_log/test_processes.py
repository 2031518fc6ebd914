"""The log under several processes, and under processes that are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.karma_log.appender import open_log

ROOT = Path(__file__).parents[3]
KILLS = 100 if os.environ.get("KARMA_SOAK") == "1" else 15


def start(directory: Path, kind: str, worker: int, count: int) -> subprocess.Popen[str]:
    """One appender."""
    module = "tests.integration.karma_log.appender"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(directory), kind, str(worker), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_eight_processes_make_one_chain(tmp_path: Path, kind: str) -> None:
    """8 processes that append 50 events each give one chain of 400, in the required sink and in the copy."""
    workers = [start(tmp_path, kind, worker, 50) for worker in range(8)]
    acknowledged = [line for worker in workers for line in worker.communicate(timeout=120)[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0] * 8

    log, state = open_log(tmp_path, kind)
    assert log.catch_up()
    verification = log.verify()
    assert (verification.verified, verification.events, verification.notes) == (True, 400, ())
    assert verification.sinks[1].result.events == 400
    assert state.chain_head() == verification.required.last
    assert sorted(acknowledged) == sorted(f"{e.id} {e.seq} {e.hash}" for e in log.events())
    log.close()
    state.close()


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_kills_lose_no_acknowledged_event(tmp_path: Path, kind: str) -> None:
    """After each kill -9 the log reads, verifies once healed, and holds whatever was acknowledged."""
    seed = random.Random(20261124)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        worker = start(tmp_path, kind, kill, 100_000)
        assert worker.stdout is not None
        acknowledged.add(worker.stdout.readline().strip())  # it is at work: what follows hits appends
        time.sleep(seed.uniform(0, 0.03))
        worker.kill()
        acknowledged |= {line.strip() for line in worker.stdout if line.endswith("\n")}
        worker.wait()
        worker.stdout.close()
        check(tmp_path, kind, acknowledged)
    assert len(acknowledged) > KILLS


def check(directory: Path, kind: str, acknowledged: set[str]) -> None:
    """The log as the next process finds it."""
    log, state = open_log(directory, kind)
    first = log.verify()
    assert first.verified, first.problems
    assert acknowledged <= {f"{event.id} {event.seq} {event.hash}" for event in log.events()}
    assert state.chain_head() == first.required.last
    log.close()
    state.close()
