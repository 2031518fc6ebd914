"""The same run ends in the same way by the direct walk, in the thread runner and through Prefect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.local.thread_runs import ThreadRuns
from karma_core.use_cases.access.vouching import vouch
from tests.integration.runner_matrix import case_of, directly

SYSTEMS = 2000 if os.environ.get("KARMA_SOAK") else 105
"""Five, or about a hundred, of each of the 21 cases."""
ROOT = Path(__file__).parents[2]
UNSAID = frozenset({"blocked", "unchanged"})
"""How components end that a run need not say anything of while it runs: it does not work on them."""


def in_a_thread(seed: int) -> list[Any]:
    """As `directly`, by the thread runner; only what it says of components while it runs is seen."""
    system, flow, parameters = case_of(seed)
    workspace = system.workspace
    where = {"environment": "test", "requested_by": "ann", "source": "api"}
    runs = ThreadRuns(lambda _: workspace)
    runs.start(flow, vouch(workspace, flow, {**where, **parameters}), idempotency_key="k")
    runs.close()
    refused = [facts["code"] for event, facts in system.said if event == "run_failed"]
    said = {facts["address"]: facts["status"] for event, facts in system.said if event == "outcome"}
    return [refused[0] if refused else said, sorted(system.applied_here())]


@pytest.mark.soak
def test_prefect_ends_components_as_the_direct_walk_does(tmp_path: Path) -> None:
    """The same refusal, or the same status of every component, and the same applies; on a real server."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.runner_matrix", str(tmp_path / "prefect"), str(SYSTEMS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120 + SYSTEMS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    through_prefect = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(through_prefect) == SYSTEMS
    other = [seed for seed in range(SYSTEMS) if directly(seed) != through_prefect[seed]]
    assert not other, [(seed, directly(seed), through_prefect[seed]) for seed in other[:3]]


@pytest.mark.soak
def test_the_thread_runner_ends_components_as_the_direct_walk_does() -> None:
    """The same refusal, or the same status of every component that it worked on, and the same applies."""
    for seed in range(SYSTEMS):
        (ends, applied), (said, applied_in_thread) = directly(seed), in_a_thread(seed)
        assert applied_in_thread == applied, seed
        if isinstance(ends, str) or isinstance(said, str):
            assert said == ends, seed
            continue
        assert said.items() <= ends.items(), seed
        assert {ends[address] for address in ends.keys() - said.keys()} <= UNSAID, seed
