"""Leases between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from karma_adapters.sqlite.state import SqliteState

ROOT = Path(__file__).parents[3]


def test_of_two_processes_that_want_the_same_names_one_wins(tmp_path: Path) -> None:
    """Overlapping names, opened and taken at once, round after round: one winner, and tokens rise."""
    path = tmp_path / "state.db"
    tokens: list[int] = []
    for round_number in range(5):
        takers = [
            start(path, f"run-{round_number}-{side}", names) for side, names in enumerate(("a b", "b c"))
        ]
        for taker in takers:
            assert taker.stdout.readline() == "ready\n"
        for taker in takers:
            taker.stdin.write("go\n")
            taker.stdin.flush()
        answers = [taker.communicate(timeout=60)[0].strip() for taker in takers]
        assert sorted(answer.isdigit() for answer in answers) == [False, True], answers
        winner = next(number for number, answer in enumerate(answers) if answer.isdigit())
        assert answers[1 - winner] == f"held by run-{round_number}-{winner}"
        tokens.append(int(answers[winner]))
        state = SqliteState(path)
        assert {lease.token for lease in state.leases()} == {tokens[-1]}
        for lease in state.leases():
            state.release(lease)
        state.close()
    assert tokens == sorted(set(tokens))


def start(path: Path, holder: str, names: str) -> subprocess.Popen[str]:
    """One process that wants names."""
    module = "tests.integration.karma_adapters.lease_taker"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(path), holder, *names.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
